using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Replay;

namespace ProjectionReplay.Events;

/// <summary>
/// The <c>event_log</c> table. Every query starts at the tenant and reads in the table's own key order, so that no
/// query sorts. Safe for concurrent use.
/// </summary>
internal sealed class ClickHouseEventLog(ClickHouseDatabase database)
{
    public const string TableName = "event_log";

    // Bytes that are no UTF-8 must not turn into another aggregate's name.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly string[] Columns =
    [
        "TenantId", "AggregateType", "AggregateId", "EventId", "EventType", "EventVersion", "EventTimestamp",
        "EventOccurredAt", "EventPayload", "ProcessingTraceparent",
    ];

    /// <summary>Checks that the table is there.</summary>
    public Task CheckAsync(CancellationToken cancellationToken) =>
        database.RequireColumnsAsync(TableName, Columns, cancellationToken);

    /// <summary>The aggregates with an event at or after a moment, in key order.</summary>
    public async Task<List<AggregateKey>> DiscoverAsync(
        EventSelection selection, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var sql = $$"""
            SELECT AggregateType, AggregateId
            FROM event_log
            WHERE {{Selected(selection)}}
              AND EventTimestamp >= {since:UInt64}
            GROUP BY AggregateType, AggregateId
            ORDER BY AggregateType, AggregateId
            SETTINGS optimize_aggregation_in_order = 1
            """;

        var aggregates = new List<AggregateKey>();
        var (aggregateType, aggregateTypeUtf8) = ("", Array.Empty<byte>());
        var reader = await database.QueryAsync(sql, [.. Bind(selection), Since(since)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader);
        }

        return aggregates;

        void ReadAll(RowBinaryReader rows)
        {
            while (true)
            {
                var cursor = new RowBinaryCursor(rows.Buffered);
                if (!cursor.TryReadString(out var type) || !cursor.TryReadString(out var id)) return;

                // A type comes many times in a row: one string serves them all.
                if (!type.SequenceEqual(aggregateTypeUtf8)) (aggregateType, aggregateTypeUtf8) = (Text("AggregateType", type), type.ToArray());
                aggregates.Add(new AggregateKey(selection.TenantId, aggregateType, Text("AggregateId", id)));
                rows.Advance(cursor.Position);
            }
        }
    }

    /// <summary>All events of the aggregates that <see cref="DiscoverAsync"/> finds, from their first one on.</summary>
    public async Task<long> CountAsync(EventSelection selection, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var sql = $$"""
            SELECT count()
            FROM event_log
            WHERE {{Selected(selection)}}
              AND (AggregateType, AggregateId) IN
              (
                  SELECT AggregateType, AggregateId
                  FROM event_log
                  WHERE {{Selected(selection)}}
                    AND EventTimestamp >= {since:UInt64}
              )
            """;

        return await ReadCountAsync(sql, [.. Bind(selection), Since(since)], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>When the first of all events happened; null when there is none.</summary>
    public async Task<DateTimeOffset?> FindFirstTimestampAsync(EventSelection selection, CancellationToken cancellationToken)
    {
        var sql = $"""
            SELECT if(count() = 0, 0, min(EventTimestamp) + 1)
            FROM event_log
            WHERE {Selected(selection)}
            """;

        var first = await ReadCountAsync(sql, [.. Bind(selection)], cancellationToken).ConfigureAwait(false);
        return first == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(first - 1);
    }

    /// <summary>The last event id and the number of rows of each aggregate of a range, in key order.</summary>
    public async Task<List<AggregateTail>> ReadTailsAsync(
        EventSelection selection, AggregateRange range, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            SELECT AggregateId, max(EventId), count()
            FROM event_log
            WHERE {InRange}
            GROUP BY AggregateId
            ORDER BY AggregateId
            SETTINGS optimize_aggregation_in_order = 1
            """;

        var tails = new List<AggregateTail>();
        var reader = await database.QueryAsync(Sql, [.. Bind(selection, range)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader);
        }

        return tails;

        void ReadAll(RowBinaryReader rows)
        {
            while (true)
            {
                var cursor = new RowBinaryCursor(rows.Buffered);
                if (!cursor.TryReadString(out var id) || !cursor.TryReadString(out var last) || !cursor.TryReadUInt64(out var count)) return;
                tails.Add(new AggregateTail(Text("AggregateId", id), Text("EventId", last), (long)count));
                rows.Advance(cursor.Position);
            }
        }
    }

    /// <summary>
    /// The number of rows of each aggregate of a range, and how long ago the last of them was inserted. Reads neither
    /// payloads nor event ids.
    /// </summary>
    public async Task<List<AggregateExtent>> ReadExtentsAsync(
        EventSelection selection, AggregateRange range, CancellationToken cancellationToken)
    {
        // By the server's own clock, which gave the rows their time of insertion.
        const string Sql = $"""
            SELECT AggregateId, count(), toUInt64(greatest(0, dateDiff('millisecond', max(CreatedAt), now64(3))))
            FROM event_log
            WHERE {InRange}
            GROUP BY AggregateId
            SETTINGS optimize_aggregation_in_order = 1
            """;

        var extents = new List<AggregateExtent>();
        var reader = await database.QueryAsync(Sql, [.. Bind(selection, range)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader);
        }

        return extents;

        void ReadAll(RowBinaryReader rows)
        {
            while (true)
            {
                var cursor = new RowBinaryCursor(rows.Buffered);
                if (!cursor.TryReadString(out var id) || !cursor.TryReadUInt64(out var count) || !cursor.TryReadUInt64(out var age)) return;
                extents.Add(new AggregateExtent(StrictUtf8.GetString(id), (long)count, TimeSpan.FromMilliseconds(age)));
                rows.Advance(cursor.Position);
            }
        }
    }

    /// <summary>The number of rows of an aggregate up to an event id.</summary>
    public Task<long> CountRowsUpToAsync(
        EventSelection selection, AggregateKey aggregate, string lastEventId, CancellationToken cancellationToken)
    {
        var range = new AggregateRange(aggregate.AggregateType, aggregate.AggregateId, aggregate.AggregateId);
        return ReadCountAsync(
            $$"""
            SELECT count()
            FROM event_log
            WHERE {{InRange}}
              AND EventId <= {lastEventId:String}
            """,
            [.. Bind(selection, range), new("lastEventId", "String", lastEventId)],
            cancellationToken);
    }

    /// <summary>Starts reading the events of a range, in key order.</summary>
    /// <param name="selection">Whose events, and which types.</param>
    /// <param name="range">The aggregates. Others that stand between them come too.</param>
    /// <param name="columns">The columns to read beside those that are always read.</param>
    /// <param name="pageSize">Rows that ClickHouse sends at a time.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public async Task<EventReader> ReadAsync(
        EventSelection selection, AggregateRange range, EventColumns columns, int pageSize, CancellationToken cancellationToken)
    {
        var optional = string.Concat(
            columns.HasFlag(EventColumns.OccurredAt) ? ", EventOccurredAt" : "",
            columns.HasFlag(EventColumns.Version) ? ", EventVersion" : "",
            columns.HasFlag(EventColumns.Payload) ? ", EventPayload" : "",
            columns.HasFlag(EventColumns.Traceparent) ? ", ProcessingTraceparent" : "");
        var sql = $"""
            SELECT AggregateId, EventId, EventType, EventTimestamp{optional}
            FROM event_log
            WHERE {InRange}
            ORDER BY AggregateId, EventTimestamp, EventId
            SETTINGS optimize_read_in_order = 1
            """;

        var rows = await database.QueryAsync(sql, [.. Bind(selection, range)], pageSize, cancellationToken).ConfigureAwait(false);
        return new EventReader(rows, columns);
    }

    private async Task<long> ReadCountAsync(string sql, IReadOnlyList<ClickHouseParameter> parameters, CancellationToken cancellationToken)
    {
        var reader = await database.QueryAsync(sql, parameters, null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                if (new RowBinaryCursor(reader.Buffered).TryReadUInt64(out var count)) return (long)count;
            }
        }

        throw new EndOfStreamException("ClickHouse sent no count.");
    }

    private const string InRange = """
        TenantId = {tenantId:String}
          AND AggregateType = {aggregateType:String}
          AND AggregateId >= {firstId:String}
          AND AggregateId <= {lastId:String}
          AND EventType IN {eventTypes:Array(String)}
        """;

    private static string Selected(EventSelection selection) => selection.AggregateTypes.Count == 0
        ? "TenantId = {tenantId:String} AND EventType IN {eventTypes:Array(String)}"
        : "TenantId = {tenantId:String} AND AggregateType IN {aggregateTypes:Array(String)} AND EventType IN {eventTypes:Array(String)}";

    private static IEnumerable<ClickHouseParameter> Bind(EventSelection selection)
    {
        yield return new("tenantId", "String", selection.TenantId);
        yield return new("eventTypes", "Array(String)", selection.EventTypes.ToArray());
        if (selection.AggregateTypes.Count > 0) yield return new("aggregateTypes", "Array(String)", selection.AggregateTypes.ToArray());
    }

    private static IEnumerable<ClickHouseParameter> Bind(EventSelection selection, AggregateRange range) =>
    [
        new("tenantId", "String", selection.TenantId),
        new("aggregateType", "String", range.AggregateType),
        new("firstId", "String", range.FirstId),
        new("lastId", "String", range.LastId),
        new("eventTypes", "Array(String)", selection.EventTypes.ToArray()),
    ];

    private static string Text(string column, ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException exception)
        {
            throw new ReplayException(
                ReplayError.EventLogInvalid,
                $"The event log has a row whose {column} is not UTF-8 text: its bytes are {Convert.ToHexString(utf8[..Math.Min(utf8.Length, 200)])}. Correct or remove the rows where hex({column}) is that, then replay again.",
                exception);
        }
    }

    private static ClickHouseParameter Since(DateTimeOffset since) =>
        new("since", "UInt64", (ulong)Math.Max(0, since.ToUnixTimeMilliseconds()));
}

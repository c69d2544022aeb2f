using System.Runtime.InteropServices;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using static ProjectionReplay.Events.EventLogSql;

namespace ProjectionReplay.Events;

/// <summary>
/// What stands in the table <c>event_log</c>. Every query starts at the tenant and reads in the table's own key order, so that no
/// query sorts. Safe for concurrent use.
/// </summary>
/// <remarks>
/// What visits or reads many rows, or is asked to prove an answer, is made once: it is made again together with all that
/// belongs to it, with <see cref="Retries"/>.
/// </remarks>
internal sealed class ClickHouseEventLog(ClickHouseDatabase database)
{
    /// <summary>What counting is called that finds out what has come since.</summary>
    public const string CountingAgain = "Counting events again";

    /// <summary>The table itself.</summary>
    public EventLogTable Table { get; } = new(database);

    /// <summary>Which aggregates it has.</summary>
    public EventLogAggregates Aggregates { get; } = new(database);

    /// <summary>What calls are made again with.</summary>
    public Retries Retries => database.Retries;

    /// <summary>Whether a tenant has any event of the selection's types, whenever it was. Reads until it finds one.</summary>
    public async Task<bool> HasEventsAsync(EventSelection selection, CancellationToken cancellationToken)
    {
        var rows = await Retries.CallAsync(
            "Looking for events",
            token => database.QueryTextsAsync(
                $"SELECT toString(EventType) FROM event_log WHERE {Selected(selection)} LIMIT 1",
                [.. Bind(selection)],
                columns: 1,
                token),
            cancellationToken).ConfigureAwait(false);
        return rows.Count > 0;
    }

    /// <summary>
    /// The types of the selection's aggregate types that are none of its event types, whenever they happened, sorted. Reads
    /// narrow columns only.
    /// </summary>
    /// <param name="selection">Whose events; it names aggregate types.</param>
    /// <param name="most">How many at the most.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public async Task<IReadOnlyList<string>> FindOtherTypesAsync(
        EventSelection selection, int most, CancellationToken cancellationToken)
    {
        var sql = $$"""
            SELECT DISTINCT toString(EventType) AS type
            FROM event_log
            WHERE TenantId = {tenantId:String} AND AggregateType IN {aggregateTypes:Array(String)}
              AND EventType NOT IN {eventTypes:Array(String)}{{InPart(selection)}}
            ORDER BY type
            LIMIT {most:UInt64}
            """;
        var rows = await Retries.CallAsync(
            "Looking for event types that are not folded",
            token => database.QueryTextsAsync(sql, [.. Bind(selection), new("most", "UInt64", (ulong)most)], columns: 1, token),
            cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => row[0])];
    }

    /// <summary>
    /// The aggregates that have a row in another part of the table than some: those that came to the log since those parts were
    /// listed are among them. Null when they are too many for a short answer, as after a merge of large parts.
    /// </summary>
    public async Task<IReadOnlyList<AggregateKey>?> FindElsewhereAsync(
        EventSelection selection, IReadOnlyList<ulong> parts, CancellationToken cancellationToken)
    {
        const int Most = 5_000;
        var sql = $$"""
            SELECT DISTINCT toString(AggregateType), AggregateId
            FROM event_log
            WHERE {{Selected(selection)}} AND {{TableParts.Number}} NOT IN {parts:Array(UInt64)}
            LIMIT {most:UInt64}
            """;
        var rows = await Retries.CallAsync(
            "Looking for new aggregates",
            token => database.QueryTextsAsync(
                sql,
                [.. Bind(selection), new("parts", "Array(UInt64)", parts), new("most", "UInt64", (ulong)Most + 1)],
                columns: 2,
                token),
            cancellationToken).ConfigureAwait(false);
        return rows.Count > Most ? null : [.. rows.Select(row => new AggregateKey(selection.TenantId, row[0], row[1]))];
    }

    /// <summary>When the first of all events happened; null when there is none.</summary>
    public async Task<DateTimeOffset?> FindFirstTimestampAsync(EventSelection selection, CancellationToken cancellationToken)
    {
        var sql = $"""
            SELECT if(count() = 0, 0, min(EventTimestamp) + 1)
            FROM event_log
            WHERE {Selected(selection)}
            """;

        var first = await Retries.CallAsync(
            "Looking for the first event",
            token => ReadCountAsync(sql, [.. Bind(selection)], token),
            cancellationToken).ConfigureAwait(false);
        return first == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(first - 1);
    }

    /// <summary>The number of all rows, those of aggregates that have been quiet since included.</summary>
    public Task<long> CountRowsAsync(EventSelection selection, CancellationToken cancellationToken) =>
        ReadCountAsync(
            $"""
            SELECT count()
            FROM event_log
            WHERE {Selected(selection)}
            """,
            [.. Bind(selection)],
            cancellationToken);

    /// <summary>
    /// The number of rows of a range that <see cref="ReadAsync"/> would send. Reads neither payloads nor event ids.
    /// </summary>
    public Task<long> CountRowsAsync(EventSelection selection, AggregateRange range, CancellationToken cancellationToken) =>
        ReadCountAsync(
            $"""
            SELECT count()
            FROM event_log
            WHERE {Wanted(selection)}
            """,
            [.. Bind(selection, range)],
            cancellationToken);

    /// <summary>
    /// Whether any row of a range stands in another part of the table than some: it came to the log since, or its part was
    /// merged meanwhile. Cheap when none does, as the server need not open those parts.
    /// </summary>
    /// <param name="selection">Whose events, and which types.</param>
    /// <param name="range">The aggregates.</param>
    /// <param name="parts">What <see cref="EventReader.Parts"/> tells.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public async Task<bool> HasRowsElsewhereAsync(
        EventSelection selection, AggregateRange range, IReadOnlyList<ulong> parts, CancellationToken cancellationToken)
    {
        var sql = $$"""
            SELECT count()
            FROM (SELECT 1 FROM event_log WHERE {{InRange(selection)}} AND {{TableParts.Number}} NOT IN {parts:Array(UInt64)} LIMIT 1)
            """;
        return await Retries.CallAsync(
            "Looking for new events",
            token => ReadCountAsync(sql, [.. Bind(selection, range), new("parts", "Array(UInt64)", parts)], token),
            cancellationToken).ConfigureAwait(false) > 0;
    }

    /// <summary>The number of rows of an aggregate up to an event id.</summary>
    public Task<long> CountRowsUpToAsync(
        EventSelection selection, AggregateKey aggregate, ReadOnlyMemory<byte> lastEventId, CancellationToken cancellationToken)
    {
        var range = new AggregateRange(aggregate.AggregateType, aggregate.AggregateId, aggregate.AggregateId);
        var sql = $$"""
            SELECT count()
            FROM event_log
            WHERE {{InRange(selection)}}
              AND EventId <= unhex({lastEventId:String})
            """;
        var hex = Convert.ToHexString(lastEventId.Span);
        return Retries.CallAsync(
            CountingAgain,
            token => ReadCountAsync(sql, [.. Bind(selection, range), new("lastEventId", "String", hex)], token),
            cancellationToken);
    }

    /// <summary>Starts reading the events of a range, in key order: those that stand in the log by now.</summary>
    /// <param name="selection">Whose events, and which types, 32,767 at most.</param>
    /// <param name="range">The aggregates. Others that stand between them come too, unless the selection is sparse.</param>
    /// <param name="columns">The columns to read beside those that are always read.</param>
    /// <param name="freshness">Rows inserted less than this before the query started are fresh, by the server's clock.</param>
    /// <param name="pageSize">Rows that ClickHouse sends at a time.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public async Task<EventReader> ReadAsync(
        EventSelection selection,
        AggregateRange range,
        EventColumns columns,
        TimeSpan freshness,
        int pageSize,
        CancellationToken cancellationToken)
    {
        var optional = string.Concat(
            columns.HasFlag(EventColumns.OccurredAt) ? ", EventOccurredAt" : "",
            columns.HasFlag(EventColumns.Version) ? ", EventVersion" : "",
            columns.HasFlag(EventColumns.Payload) ? ", EventPayload" : "",
            columns.HasFlag(EventColumns.Traceparent) ? ", ProcessingTraceparent" : "");

        var part = Table.HasParts ? $" + bitShiftLeft({TableParts.Number}, 16)" : "";

        // The parts of the table are merged row by row, which for a LowCardinality column costs as much as for all others
        // together. So a type goes by its number, twice that and one more when the row is fresh, in the lowest 16 bits; and
        // that is sorted by, so that it is made before the merge, not after. Above it stands the number of the part.
        // Streams are formatted side by side: each on several threads at once would only cost copies.
        var sql = $$"""
            SELECT AggregateId, EventId,
                toUInt64(2 * indexOf({eventTypes:Array(String)}, EventType)
                    + (CreatedAt > now64(3) - toIntervalMillisecond({freshness:UInt32}))){{part}} AS TypeAndPart,
                EventTimestamp{{optional}}
            FROM event_log
            WHERE {{Wanted(selection)}}
            ORDER BY AggregateId, EventTimestamp, EventId, TypeAndPart
            """;

        var query = new ClickHouseQuery(
            sql, [.. Bind(selection, range), new("freshness", "UInt32", (uint)freshness.TotalMilliseconds)])
        {
            Hints = $"optimize_read_in_order = 1, {NoSkipIndexes}, output_format_parallel_formatting = 0",
            MaxBlockRows = pageSize,
        };
        var rows = await database.QueryAsync(query, cancellationToken).ConfigureAwait(false);
        return new EventReader(rows, columns, selection.EventTypes.Count) { Parts = Table.HasParts ? new PartsSeen() : null };
    }

    /// <summary>
    /// What the log has at and behind the last aggregate of an answer to <see cref="ReadAsync"/>: in key order all before it
    /// is whole, and what is missing, if anything ended the answer early, is there.
    /// </summary>
    /// <param name="selection">Whose events, and which types.</param>
    /// <param name="range">What was asked for, from the last aggregate of the answer on; or all, when it had none.</param>
    /// <param name="age">How old a row must be to have stood in the log when the query started.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public async Task<AnswerEnd> FindEndAsync(
        EventSelection selection, AggregateRange range, TimeSpan age, CancellationToken cancellationToken)
    {
        const string IsOld = "CreatedAt <= now64(3) - toIntervalMillisecond({age:UInt32})";
        var numbers = await database.QueryNumbersAsync(
            new ClickHouseQuery(
                $"""
                SELECT
                    countIf(AggregateId = {"{firstId:String}"}),
                    countIf(AggregateId = {"{firstId:String}"} AND {IsOld}),
                    countIf(AggregateId != {"{firstId:String}"}),
                    countIf(AggregateId != {"{firstId:String}"} AND {IsOld})
                FROM event_log
                WHERE {Wanted(selection)}
                """,
                [.. Bind(selection, range), new("age", "UInt32", (uint)Math.Min(age.TotalMilliseconds, uint.MaxValue))])
            {
                Hints = NoSkipIndexes,
            },
            columns: 4,
            cancellationToken).ConfigureAwait(false);
        return new AnswerEnd((long)numbers[0], (long)numbers[1], (long)numbers[2], (long)numbers[3]);
    }

    /// <summary>The last aggregate, in key order, with an event since the selection's moment; null when there is none.</summary>
    public async Task<(string Type, string Id)?> FindLastAsync(EventSelection selection, CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            $$"""
            SELECT toString(AggregateType), AggregateId
            FROM event_log
            WHERE {{Selected(selection)}} AND EventTimestamp >= {since:UInt64}
            ORDER BY AggregateType DESC, AggregateId DESC
            LIMIT 1
            """,
            [.. Bind(selection), new("since", "UInt64", Milliseconds(selection.Since))],
            columns: 2,
            cancellationToken).ConfigureAwait(false);
        return rows is [[var type, var id]] ? (type, id) : null;
    }

    private async Task<long> ReadCountAsync(string sql, IReadOnlyList<ClickHouseParameter> parameters, CancellationToken cancellationToken)
    {
        var query = new ClickHouseQuery(sql, parameters) { Hints = NoSkipIndexes };
        return (long)(await database.QueryNumbersAsync(query, columns: 1, cancellationToken).ConfigureAwait(false))[0];
    }
}

/// <summary>What the log has, as of a moment after an answer's end, at the answer's last aggregate and behind it.</summary>
/// <param name="AtLast">Rows of the last aggregate.</param>
/// <param name="OldAtLast">Those of them that stood in the log when the answer's query started.</param>
/// <param name="Behind">Rows of aggregates behind it that the answer should have come to.</param>
/// <param name="OldBehind">Those of them that stood in the log when the answer's query started.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AnswerEnd(long AtLast, long OldAtLast, long Behind, long OldBehind);

using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Replay;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Events;

/// <summary>
/// The <c>event_log</c> table. Every query starts at the tenant and reads in the table's own key order, so that no
/// query sorts. Safe for concurrent use.
/// </summary>
internal sealed class ClickHouseEventLog(ClickHouseDatabase database)
{
    public const string TableName = "event_log";

    // Read byte for byte, without asking for a conversion: of those types, and no others.
    private static readonly RequiredColumn[] Columns =
    [
        RowBinaryType.Read("TenantId", "String"),
        RowBinaryType.Read("AggregateType", "String"),
        RowBinaryType.Read("AggregateId", "String"),
        RowBinaryType.Read("EventId", "String"),
        RowBinaryType.Read("EventType", "String"),
        RowBinaryType.Read("EventVersion", "String"),
        RowBinaryType.Read("EventTimestamp", "UInt64", "Int64"),
        RowBinaryType.Read("EventOccurredAt", "UInt64", "Int64"),
        RowBinaryType.Read("EventPayload", "String"),
        RowBinaryType.Read("ProcessingTraceparent", "String"),
        // The server compares it, and sends what came of that.
        RequiredColumn.Any("CreatedAt"),
    ];

    /// <summary>More rows than any aggregate has; the bytes of text are more, read as a number.</summary>
    private const ulong MostRows = 1UL << 48;

    // A view or a distributed table has none, or none of its own.
    private volatile bool _hasParts;
    private volatile bool _hasTimeToLive;
    private volatile bool _mergesRows;
    private volatile TableReplica? _replica;

    /// <summary>
    /// Whether rows may go by themselves: then as many may come as go, and a count of all says nothing of either. Nobody can tell
    /// of a view or a distributed table.
    /// </summary>
    public bool MayLoseRows => _hasTimeToLive || _mergesRows || !_hasParts;

    /// <summary>Whether the table has parts to ask for: else its rows are counted each time. Known when it was looked at.</summary>
    public bool HasParts => _hasParts;

    /// <summary>Looks at the table. Reads no event.</summary>
    public async Task<TableInspection> InspectAsync(CancellationToken cancellationToken)
    {
        var engine = await ReadEngineAsync(cancellationToken).ConfigureAwait(false);
        _hasParts = engine.EndsWith("MergeTree", StringComparison.Ordinal)
            && await TableParts.MayBeReadAsync(database, TableName, cancellationToken).ConfigureAwait(false);

        // Other engines make one row of several when they merge parts.
        _mergesRows = engine is not ("MergeTree" or "ReplicatedMergeTree" or "SharedMergeTree");
        _hasTimeToLive = await HasTimeToLiveAsync(cancellationToken).ConfigureAwait(false);
        _replica = TableReplica.Of(database, TableName, engine);
        database.ReadsLatest = engine.StartsWith("Shared", StringComparison.Ordinal);
        var found = await database.ReadColumnsAsync(TableName, cancellationToken).ConfigureAwait(false);
        return database.Describe(TableName, Columns).Judge(found);
    }

    /// <summary>
    /// Waits until what live handlers have written by now is there for every query that follows: they may have written to another
    /// replica.
    /// </summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ReplicaBehind"/>: it is not, after all that time.</exception>
    public Task CatchUpAsync(TimeSpan patience, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        _replica?.CatchUpAsync(patience, timeProvider, cancellationToken) ?? Task.CompletedTask;

    /// <summary>Why that cannot be told, as a sentence; null when it can.</summary>
    public string? ReplicaDoubt => _replica?.Doubt;

    /// <summary>Checks that the table is there.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: it is not, or not as it should be.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken) =>
        (await InspectAsync(cancellationToken).ConfigureAwait(false)).Require();

    private async Task<string> ReadEngineAsync(CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
            [new("table", "String", TableName)],
            columns: 1,
            cancellationToken).ConfigureAwait(false);
        return rows is [[var engine]] ? engine : "";
    }

    /// <summary>Whether the table has a TTL that removes rows, so that its older rows go by themselves.</summary>
    public async Task<bool> HasTimeToLiveAsync(CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
            [new("table", "String", TableName)],
            columns: 1,
            cancellationToken).ConfigureAwait(false);
        return rows is [[var engine]] && TimeToLive.Removes(engine);
    }

    /// <summary>Whether a tenant has any event of the selection's types, whenever it was. Reads until it finds one.</summary>
    public async Task<bool> HasEventsAsync(EventSelection selection, CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            $"SELECT toString(EventType) FROM event_log WHERE {Selected(selection)} LIMIT 1",
            [.. Bind(selection)],
            columns: 1,
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
        var rows = await database.QueryTextsAsync(
            $$"""
            SELECT DISTINCT toString(EventType) AS type
            FROM event_log
            WHERE TenantId = {tenantId:String} AND AggregateType IN {aggregateTypes:Array(String)}
              AND EventType NOT IN {eventTypes:Array(String)}{{InPart(selection)}}
            ORDER BY type
            LIMIT {most:UInt64}
            """,
            [.. Bind(selection), new("most", "UInt64", (ulong)most)],
            columns: 1,
            cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => row[0])];
    }

    /// <summary>
    /// Visits the aggregates with an event since the selection's moment, in key order, with all the rows that each
    /// has. One pass over the narrow columns; holds nothing in memory.
    /// </summary>
    public Task DiscoverAsync(EventSelection selection, AggregateVisitor visit, CancellationToken cancellationToken) =>
        VisitAsync(
            Selected(selection),
            [.. Bind(selection), new("since", "UInt64", Milliseconds(selection.Since))],
            selection.AggregateTypes is [var only] ? only : null,
            visit,
            cancellationToken);

    /// <summary>Visits those aggregates of a range.</summary>
    public Task DiscoverAsync(
        EventSelection selection, AggregateRange range, AggregateVisitor visit, CancellationToken cancellationToken) =>
        VisitAsync(InRange(selection), [.. Bind(selection, range)], range.AggregateType, visit, cancellationToken);

    /// <summary>The parts that the table has by now; null when it has none to ask for, or too many.</summary>
    public Task<IReadOnlyList<ulong>?> ListPartsAsync(CancellationToken cancellationToken) => _hasParts
        ? TableParts.ListAsync(database, TableName, cancellationToken)
        : Task.FromResult<IReadOnlyList<ulong>?>(null);

    /// <summary>
    /// The aggregates that have a row in another part of the table than some: those that came to the log since those parts were
    /// listed are among them. Null when they are too many for a short answer, as after a merge of large parts.
    /// </summary>
    public async Task<IReadOnlyList<AggregateKey>?> FindElsewhereAsync(
        EventSelection selection, IReadOnlyList<ulong> parts, CancellationToken cancellationToken)
    {
        const int Most = 5_000;
        var rows = await database.QueryTextsAsync(
            $$"""
            SELECT DISTINCT toString(AggregateType), AggregateId
            FROM event_log
            WHERE {{Selected(selection)}} AND {{TableParts.Number}} NOT IN {parts:Array(UInt64)}
            LIMIT {most:UInt64}
            """,
            [.. Bind(selection), new("parts", "Array(UInt64)", parts), new("most", "UInt64", (ulong)Most + 1)],
            columns: 2,
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

        var first = await ReadCountAsync(sql, [.. Bind(selection)], cancellationToken).ConfigureAwait(false);
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
        EventSelection selection, AggregateRange range, IReadOnlyList<ulong> parts, CancellationToken cancellationToken) =>
        await ReadCountAsync(
            $$"""
            SELECT count()
            FROM (SELECT 1 FROM event_log WHERE {{InRange(selection)}} AND {{TableParts.Number}} NOT IN {parts:Array(UInt64)} LIMIT 1)
            """,
            [.. Bind(selection, range), new("parts", "Array(UInt64)", parts)],
            cancellationToken).ConfigureAwait(false) > 0;

    /// <summary>The number of rows of an aggregate up to an event id.</summary>
    public Task<long> CountRowsUpToAsync(
        EventSelection selection, AggregateKey aggregate, ReadOnlyMemory<byte> lastEventId, CancellationToken cancellationToken)
    {
        var range = new AggregateRange(aggregate.AggregateType, aggregate.AggregateId, aggregate.AggregateId);
        return ReadCountAsync(
            $$"""
            SELECT count()
            FROM event_log
            WHERE {{InRange(selection)}}
              AND EventId <= unhex({lastEventId:String})
            """,
            [.. Bind(selection, range), new("lastEventId", "String", Convert.ToHexString(lastEventId.Span))],
            cancellationToken);
    }

    /// <summary>Visits each aggregate of a range that has any row, in key order.</summary>
    public Task CountRowsAsync(
        EventSelection selection, AggregateRange range, AggregateVisitor visit, CancellationToken cancellationToken) =>
        ReadAggregatesAsync(
            $"""
            SELECT AggregateId, count()
            FROM event_log
            WHERE {Wanted(selection)}
            GROUP BY AggregateId
            ORDER BY AggregateId
            """,
            [.. Bind(selection, range)],
            range.AggregateType,
            visit,
            cancellationToken);

    /// <summary>Visits those aggregates of a range that have got rows since, in key order, with how many.</summary>
    /// <param name="selection">Whose events, and which types.</param>
    /// <param name="range">The aggregates.</param>
    /// <param name="age">How old a row is at the most to have come since, by the server's clock.</param>
    /// <param name="visit">Told of each.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public Task FindRenewedAsync(
        EventSelection selection, AggregateRange range, TimeSpan age, AggregateVisitor visit, CancellationToken cancellationToken) =>
        ReadAggregatesAsync(
            $$"""
            SELECT AggregateId, count()
            FROM event_log
            WHERE {{Wanted(selection)}} AND CreatedAt > now64(3) - toIntervalMillisecond({age:UInt32})
            GROUP BY AggregateId
            ORDER BY AggregateId
            """,
            [.. Bind(selection, range), new("age", "UInt32", (uint)Math.Min(age.TotalMilliseconds, uint.MaxValue))],
            range.AggregateType,
            visit,
            cancellationToken);

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

        var part = _hasParts ? $" + bitShiftLeft({TableParts.Number}, 16)" : "";

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
        return new EventReader(rows, columns, selection.EventTypes.Count) { Parts = _hasParts ? new PartsSeen() : null };
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

    /// <summary>
    /// The table's bloom filters are there to find single events. A query over a range of the key would read through all
    /// of them and exclude nothing.
    /// </summary>
    private const string NoSkipIndexes = "use_skip_indexes = 0";

    private static string Selected(EventSelection selection) => (selection.AggregateTypes.Count == 0
        ? "TenantId = {tenantId:String} AND EventType IN {eventTypes:Array(String)}"
        : "TenantId = {tenantId:String} AND AggregateType IN {aggregateTypes:Array(String)}"
            + " AND EventType IN {eventTypes:Array(String)}") + InPart(selection);

    private static string InRange(EventSelection selection) => """
        TenantId = {tenantId:String}
          AND AggregateType = {aggregateType:String}
          AND AggregateId >= {firstId:String}
          AND AggregateId <= {lastId:String}
          AND EventType IN {eventTypes:Array(String)}
        """ + InPart(selection);

    /// <summary>
    /// The rows of a range that are worth sending. The partitions before the moment are not even looked at for it, and
    /// GLOBAL makes no difference but on a distributed table, where it has to be.
    /// </summary>
    private static string Wanted(EventSelection selection) => InRange(selection) + (!selection.IsSparse ? "" : $$"""

          AND AggregateId GLOBAL IN (SELECT AggregateId FROM event_log WHERE {{InRange(selection)}} AND EventTimestamp >= {since:UInt64})
        """);

    private static string InPart(EventSelection selection) => (selection.Shard is null ? "" : """

          AND cityHash64(AggregateId) % {shardCount:UInt64} = {shardIndex:UInt64}
        """) + (selection.AggregateIds is null ? "" : """

          AND AggregateId IN {aggregateIds:Array(String)}
        """);

    private static IEnumerable<ClickHouseParameter> Bind(EventSelection selection)
    {
        foreach (var parameter in BindCommon(selection)) yield return parameter;
        if (selection.AggregateTypes.Count > 0) yield return new("aggregateTypes", "Array(String)", selection.AggregateTypes.ToArray());
    }

    private static IEnumerable<ClickHouseParameter> Bind(EventSelection selection, AggregateRange range) =>
    [
        .. BindCommon(selection),
        new("aggregateType", "String", range.AggregateType),
        new("firstId", "String", range.FirstId),
        new("lastId", "String", range.LastId),
        new("since", "UInt64", Milliseconds(selection.Since)),
    ];

    private static ulong Milliseconds(DateTimeOffset since) => (ulong)Math.Max(0, since.ToUnixTimeMilliseconds());

    private static IEnumerable<ClickHouseParameter> BindCommon(EventSelection selection)
    {
        yield return new("tenantId", "String", selection.TenantId);
        yield return new("eventTypes", "Array(String)", selection.EventTypes.ToArray());
        if (selection.AggregateIds is { } aggregateIds) yield return new("aggregateIds", "Array(String)", aggregateIds.ToArray());
        if (selection.Shard is not { } shard) yield break;
        yield return new("shardCount", "UInt64", (ulong)shard.Count);
        yield return new("shardIndex", "UInt64", (ulong)shard.Index - 1);
    }

    /// <summary>
    /// Visits aggregates in key order. Where all are of one type, that needs not come with each, which costs the server a
    /// sixth of the time.
    /// </summary>
    private Task VisitAsync(
        string where,
        IReadOnlyList<ClickHouseParameter> parameters,
        string? aggregateType,
        AggregateVisitor visit,
        CancellationToken cancellationToken)
    {
        var keys = aggregateType is null ? "AggregateType, AggregateId" : "AggregateId";
        return ReadAggregatesAsync(
            $$"""
            SELECT {{keys}}, count()
            FROM event_log
            WHERE {{where}}
            GROUP BY {{keys}}
            HAVING max(EventTimestamp) >= {since:UInt64}
            ORDER BY {{keys}}
            """,
            parameters,
            aggregateType,
            visit,
            cancellationToken);
    }

    /// <param name="sql">Selects type, id and count; or id and count, where the type is known.</param>
    /// <param name="parameters">What is bound.</param>
    /// <param name="knownType">The type of all, or null.</param>
    /// <param name="visit">Told of each.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    private async Task ReadAggregatesAsync(
        string sql,
        IReadOnlyList<ClickHouseParameter> parameters,
        string? knownType,
        AggregateVisitor visit,
        CancellationToken cancellationToken)
    {
        var (aggregateType, aggregateTypeUtf8, lastId) = (knownType ?? "", Array.Empty<byte>(), new GrowingBytes());
        var isFirst = true;
        var query = new ClickHouseQuery(sql, parameters) { Hints = $"optimize_aggregation_in_order = 1, {NoSkipIndexes}" };
        var reader = await database.QueryAsync(query, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader);
        }

        void ReadAll(RowBinaryReader rows)
        {
            while (true)
            {
                var cursor = new RowBinaryCursor(rows.Buffered);
                ReadOnlySpan<byte> type = default;
                if ((knownType is null && !cursor.TryReadString(out type))
                    || !cursor.TryReadString(out var id)
                    || !cursor.TryReadUInt64(out var count))
                {
                    return;
                }

                // An error's words, taken for a row, have no such count; and nothing else comes out of order.
                var order = isFirst ? 1 : knownType is null ? type.SequenceCompareTo(aggregateTypeUtf8) : 0;
                if (order == 0) order = id.SequenceCompareTo(lastId.Span);
                if (order <= 0 || count - 1 >= MostRows)
                {
                    throw new AnswerIncompleteException("ClickHouse broke off its answer, or sent aggregates out of order.");
                }

                isFirst = false;
                lastId.Set(id);

                // A type comes many times in a row: one string serves them all.
                if (knownType is null && !type.SequenceEqual(aggregateTypeUtf8))
                {
                    aggregateType = Utf8.IsValid(type) ? Encoding.UTF8.GetString(type) : throw NotText("AggregateType", type);
                    aggregateTypeUtf8 = type.ToArray();
                }
                if (!Utf8.IsValid(id)) throw NotText("AggregateId", id);
                visit(aggregateType, id, (long)count);
                rows.Advance(cursor.Position);
            }
        }
    }

    private async Task<long> ReadCountAsync(string sql, IReadOnlyList<ClickHouseParameter> parameters, CancellationToken cancellationToken)
    {
        var query = new ClickHouseQuery(sql, parameters) { Hints = NoSkipIndexes };
        return (long)(await database.QueryNumbersAsync(query, columns: 1, cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Says that a column holds bytes that are no text, so that it cannot be named to anybody.</summary>
    public static ReplayException NotText(string column, ReadOnlySpan<byte> bytes) => new(
        ReplayError.EventLogInvalid,
        $"The event log has a row whose {column} is not UTF-8 text: "
            + $"its bytes are {Convert.ToHexString(bytes[..Math.Min(bytes.Length, 200)])}. "
            + $"Correct or remove the rows where hex({column}) is that, then replay again.");
}

/// <summary>What the log has, as of a moment after an answer's end, at the answer's last aggregate and behind it.</summary>
/// <param name="AtLast">Rows of the last aggregate.</param>
/// <param name="OldAtLast">Those of them that stood in the log when the answer's query started.</param>
/// <param name="Behind">Rows of aggregates behind it that the answer should have come to.</param>
/// <param name="OldBehind">Those of them that stood in the log when the answer's query started.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AnswerEnd(long AtLast, long OldAtLast, long Behind, long OldBehind);

/// <summary>Bytes that are kept from one row to the next.</summary>
internal sealed class GrowingBytes
{
    private byte[] _bytes = new byte[256];
    private int _length;

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

    public void Set(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _bytes.Length) _bytes = new byte[bytes.Length * 2];
        bytes.CopyTo(_bytes);
        _length = bytes.Length;
    }
}

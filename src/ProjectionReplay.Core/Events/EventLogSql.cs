using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Events;

/// <summary>
/// The conditions that queries of <c>event_log</c> are made of, and the values that they bind: nothing else goes into them.
/// </summary>
internal static class EventLogSql
{
    /// <summary>
    /// The table's bloom filters are there to find single events. A query over a range of the key would read through all
    /// of them and exclude nothing.
    /// </summary>
    public const string NoSkipIndexes = "use_skip_indexes = 0";

    /// <summary>All rows of a selection.</summary>
    public static string Selected(EventSelection selection) => (selection.AggregateTypes.Count == 0
        ? "TenantId = {tenantId:String} AND EventType IN {eventTypes:Array(String)}"
        : "TenantId = {tenantId:String} AND AggregateType IN {aggregateTypes:Array(String)}"
            + " AND EventType IN {eventTypes:Array(String)}") + InPart(selection);

    /// <summary>The rows of a range.</summary>
    public static string InRange(EventSelection selection) => """
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
    public static string Wanted(EventSelection selection) => InRange(selection) + (!selection.IsSparse ? "" : $$"""

          AND AggregateId GLOBAL IN (SELECT AggregateId FROM event_log WHERE {{InRange(selection)}} AND EventTimestamp >= {since:UInt64})
        """);

    /// <summary>What narrows any of them down: a shard, or chosen aggregates.</summary>
    public static string InPart(EventSelection selection) => (selection.Shard is null ? "" : """

          AND cityHash64(AggregateId) % {shardCount:UInt64} = {shardIndex:UInt64}
        """) + (selection.AggregateIds is null ? "" : """

          AND AggregateId IN {aggregateIds:Array(String)}
        """);

    /// <summary>What <see cref="Selected"/> binds.</summary>
    public static IEnumerable<ClickHouseParameter> Bind(EventSelection selection)
    {
        foreach (var parameter in BindCommon(selection)) yield return parameter;
        if (selection.AggregateTypes.Count > 0) yield return new("aggregateTypes", "Array(String)", selection.AggregateTypes.ToArray());
    }

    /// <summary>What <see cref="InRange"/> and <see cref="Wanted"/> bind.</summary>
    public static IEnumerable<ClickHouseParameter> Bind(EventSelection selection, AggregateRange range) =>
    [
        .. BindCommon(selection),
        new("aggregateType", "String", range.AggregateType),
        new("firstId", "String", range.FirstId),
        new("lastId", "String", range.LastId),
        new("since", "UInt64", Milliseconds(selection.Since)),
    ];

    /// <summary>A moment as the table has it.</summary>
    public static ulong Milliseconds(DateTimeOffset since) => (ulong)Math.Max(0, since.ToUnixTimeMilliseconds());

    private static IEnumerable<ClickHouseParameter> BindCommon(EventSelection selection)
    {
        yield return new("tenantId", "String", selection.TenantId);
        yield return new("eventTypes", "Array(String)", selection.EventTypes.ToArray());
        if (selection.AggregateIds is { } aggregateIds) yield return new("aggregateIds", "Array(String)", aggregateIds.ToArray());
        if (selection.Shard is not { } shard) yield break;
        yield return new("shardCount", "UInt64", (ulong)shard.Count);
        yield return new("shardIndex", "UInt64", (ulong)shard.Index - 1);
    }
}

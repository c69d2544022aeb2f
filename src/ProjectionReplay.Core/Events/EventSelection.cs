namespace ProjectionReplay.Events;

/// <summary>Which events of the log concern a run.</summary>
/// <param name="TenantId">The tenant. Every query filters by it first.</param>
/// <param name="AggregateTypes">The aggregate types; empty means any.</param>
/// <param name="EventTypes">The event types; never empty.</param>
internal sealed record EventSelection(string TenantId, IReadOnlyList<string> AggregateTypes, IReadOnlyList<string> EventTypes);

/// <summary>Aggregates of one type that stand together in the event log's key order, both ends included.</summary>
internal readonly record struct AggregateRange(string AggregateType, string FirstId, string LastId)
{
    /// <summary>The ranges, one for each type, that hold aggregates which are in key order.</summary>
    public static IEnumerable<AggregateRange> Cover(IReadOnlyList<AggregateKey> aggregates)
    {
        for (var start = 0; start < aggregates.Count;)
        {
            var (first, end) = (aggregates[start], start + 1);
            while (end < aggregates.Count && aggregates[end].AggregateType == first.AggregateType) end++;
            yield return new AggregateRange(first.AggregateType, first.AggregateId, aggregates[end - 1].AggregateId);
            start = end;
        }
    }
}

/// <summary>What the event log holds of one aggregate at the moment of the cutoff.</summary>
/// <param name="AggregateId">The aggregate's id.</param>
/// <param name="LastEventId">The greatest event id among the selected event types: the cutoff.</param>
/// <param name="RowCount">The rows up to it; an event that stands twice counts twice.</param>
internal readonly record struct AggregateTail(string AggregateId, string LastEventId, long RowCount);

/// <summary>How much the event log holds of one aggregate.</summary>
/// <param name="AggregateId">The aggregate's id.</param>
/// <param name="RowCount">Its rows; an event that stands twice counts twice.</param>
/// <param name="Age">How long ago the last of them was inserted.</param>
internal readonly record struct AggregateExtent(string AggregateId, long RowCount, TimeSpan Age);

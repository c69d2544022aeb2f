namespace ProjectionReplay.Folding;

/// <summary>Which aggregates count when the rows of a range are gone through. Not thread-safe.</summary>
internal interface IAggregateRoster
{
    /// <summary>The aggregate with an id, UTF-8, or null when it does not count. Asked for rising ids, once for each.</summary>
    BatchAggregate? Find(ReadOnlySpan<byte> aggregateId);

    /// <summary>Tells that there are no more.</summary>
    void Finish();
}

/// <summary>
/// Aggregates that are known, of one type and in key order, as rows are: they are merged, never looked up. One that has no
/// rows any more is told so.
/// </summary>
internal sealed class ListedAggregates(IReadOnlyList<BatchAggregate> aggregates, ByteBlocks lastEventIds) : IAggregateRoster
{
    private int _next;

    public BatchAggregate? Find(ReadOnlySpan<byte> aggregateId)
    {
        for (; _next < aggregates.Count; _next++)
        {
            var order = aggregateId.SequenceCompareTo(aggregates[_next].IdUtf8);
            if (order == 0) return aggregates[_next++];
            if (order < 0) break;
            aggregates[_next].Keep(default, lastEventIds);
        }

        return null;
    }

    public void Finish()
    {
        for (; _next < aggregates.Count; _next++) aggregates[_next].Keep(default, lastEventIds);
    }
}

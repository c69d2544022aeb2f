using System.Text.Unicode;
using ProjectionReplay.Events;

namespace ProjectionReplay.Replay;

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

/// <summary>Aggregates that nobody knows before their rows come: those of a planned batch.</summary>
/// <param name="batch">Says which of a range count.</param>
/// <param name="prefix">Tenant and type.</param>
/// <param name="found">Where the aggregates go.</param>
internal sealed class FoundAggregates(PlannedBatch batch, AggregateKeyPrefix prefix, AggregateMemory found) : IAggregateRoster
{
    public BatchAggregate? Find(ReadOnlySpan<byte> aggregateId)
    {
        if (!Utf8.IsValid(aggregateId)) throw ClickHouseEventLog.NotText("AggregateId", aggregateId);
        return batch.Includes(prefix.AggregateType, aggregateId) ? found.Add(prefix, aggregateId) : null;
    }

    public void Finish()
    {
        // What was found is all there is.
    }
}

using System.Text.Unicode;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;

namespace ProjectionReplay.Cycle;

/// <summary>Aggregates that nobody knows before their rows come: those of a planned batch.</summary>
/// <param name="batch">Says which of a range count.</param>
/// <param name="prefix">Tenant and type.</param>
/// <param name="found">Where the aggregates go.</param>
internal sealed class FoundAggregates(PlannedBatch batch, AggregateKeyPrefix prefix, AggregateMemory found) : IAggregateRoster
{
    public BatchAggregate? Find(ReadOnlySpan<byte> aggregateId)
    {
        if (!Utf8.IsValid(aggregateId)) throw EventLogText.NotText("AggregateId", aggregateId);
        return batch.Includes(prefix.AggregateType, aggregateId) ? found.Add(prefix, aggregateId) : null;
    }

    public void Finish()
    {
        // What was found is all there is.
    }
}

using System.Collections.Concurrent;
using ProjectionReplay.Events;

namespace ProjectionReplay.Replay;

/// <summary>
/// The aggregates of a batch, in memory that a later batch uses again: a run would otherwise leave a hundred bytes of
/// long-lived garbage for each, and its memory grow with the log. What is not in use is the garbage collector's to take.
/// Not thread-safe.
/// </summary>
internal sealed class AggregateMemory
{
    private static readonly ConcurrentBag<WeakReference<AggregateMemory>> s_idle = [];

    private readonly List<BatchAggregate> _made = [];
    private readonly ByteBlocks _keys = new();

    /// <summary>The aggregates in the order in which they were added.</summary>
    public List<BatchAggregate> Aggregates { get; } = [];

    /// <summary>Where their last event ids are kept.</summary>
    public ByteBlocks LastEventIds { get; } = new();

    /// <summary>Memory without aggregates. May be called at any time.</summary>
    public static AggregateMemory Rent()
    {
        while (s_idle.TryTake(out var idle))
        {
            if (idle.TryGetTarget(out var memory)) return memory;
        }

        return new AggregateMemory();
    }

    /// <summary>Gives the memory to whoever needs some next. Its aggregates and their keys are of no meaning from here on.</summary>
    public void Return()
    {
        Aggregates.Clear();
        _keys.Clear();
        LastEventIds.Clear();
        s_idle.Add(new WeakReference<AggregateMemory>(this));
    }

    /// <summary>Adds an aggregate that nothing is folded of.</summary>
    /// <param name="prefix">Tenant and type.</param>
    /// <param name="aggregateId">The id, UTF-8.</param>
    public BatchAggregate Add(AggregateKeyPrefix prefix, ReadOnlySpan<byte> aggregateId)
    {
        if (Aggregates.Count == _made.Count) _made.Add(new BatchAggregate());
        var aggregate = _made[Aggregates.Count];
        aggregate.Start(prefix, aggregateId, rowCount: 0, _keys);
        Aggregates.Add(aggregate);
        return aggregate;
    }
}

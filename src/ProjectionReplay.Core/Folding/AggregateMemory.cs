using ProjectionReplay.Events;

namespace ProjectionReplay.Folding;

/// <summary>
/// The aggregates of a batch, in memory that a later batch uses again: a run would otherwise leave a hundred bytes of
/// long-lived garbage for each, and its memory grow with the log. What is not in use is the garbage collector's to take.
/// Not thread-safe.
/// </summary>
internal sealed class AggregateMemory
{
    private static readonly WeakPool<AggregateMemory> s_idle = new();

    private readonly List<BatchAggregate> _made = [];
    private readonly ByteBlocks _keys = new();

    /// <summary>The aggregates in the order in which they were added.</summary>
    public List<BatchAggregate> Aggregates { get; } = [];

    /// <summary>Where their last event ids are kept.</summary>
    public ByteBlocks LastEventIds { get; } = new();

    /// <summary>Memory without aggregates. May be called at any time.</summary>
    public static AggregateMemory Rent() => s_idle.TryTake(out var memory) ? memory : new AggregateMemory();

    /// <summary>Gives the memory to whoever needs some next. Its aggregates and their keys are of no meaning from here on.</summary>
    public void Return()
    {
        Clear();
        s_idle.Give(this);
    }

    /// <summary>Forgets the aggregates. Their keys and last event ids are written over from here on.</summary>
    internal void Clear()
    {
        Aggregates.Clear();
        _keys.Clear();
        LastEventIds.Clear();
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

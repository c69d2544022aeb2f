using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections;

/// <summary>
/// Base of every fold projection: folds the events of an aggregate, in order, into one state for each projection key.
/// </summary>
/// <typeparam name="TState">The state. May be mutable: a state is only ever touched by one thread at a time.</typeparam>
/// <remarks>
/// One instance serves every stream of every run, concurrently: keep no state in fields. The methods must be pure:
/// the same events give the same state, with no clock, randomness or I/O, since a replay may fold an event again.
/// </remarks>
public abstract class FoldProjection<TState> : IFoldProjection
    where TState : class
{
    /// <inheritdoc/>
    public abstract ProjectionDefinition Definition { get; }

    /// <summary>
    /// The projection key that an event counts towards. The default is the aggregate id: one state for each aggregate.
    /// A key of its own needs an <see cref="ReplaySafety.Increment"/> store, since several aggregates may meet in it.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The payload cannot be read.</exception>
    public virtual string GetKey(in ReplayEvent replayEvent) => replayEvent.Aggregate.AggregateId;

    /// <summary>The state before the first event. <paramref name="first"/> is the event about to be applied.</summary>
    public abstract TState CreateState(in ReplayEvent first);

    /// <summary>
    /// Folds one event into the state, and returns the new state: the same instance changed, or another one.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The payload cannot be read. Fails the batch.</exception>
    public abstract TState Apply(TState state, in ReplayEvent replayEvent);

    /// <summary>Whether a final state is worth a row. The default is yes.</summary>
    public virtual bool ShouldStore(TState state) => true;

    /// <summary>
    /// Makes a state that is not needed any more one that nothing was folded into, so that it can be used again. The default
    /// is that it cannot.
    /// </summary>
    internal virtual bool TryRenew(TState state) => false;

    /// <summary>Creates the store for one run.</summary>
    public abstract IProjectionStore<TState> CreateStore(StoreConnections connections);

    TResult IFoldProjection.Accept<TResult>(IProjectionVisitor<TResult> visitor) => visitor.Visit(this);
}

using ProjectionReplay.Comparison;
using ProjectionReplay.Replay;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections;

/// <summary>
/// A fold projection, whatever the type of its state. Derive from <see cref="FoldProjection{TState}"/> to write one.
/// Implementations are immutable and safe for concurrent use.
/// </summary>
public interface IFoldProjection
{
    /// <summary>What the projection is called, which events it folds, and where its states go.</summary>
    ProjectionDefinition Definition { get; }

    /// <summary>
    /// Reads what the projection needs besides events, so that a run which cannot have it fails before it begins. The
    /// default is nothing.
    /// </summary>
    internal void Prepare()
    {
    }

    /// <summary>Opens the fold for one run: the projection together with its store.</summary>
    internal IProjectionRun OpenRun(StoreConnections connections);

    /// <summary>Opens the stored states to be compared; null when their store cannot be read back.</summary>
    internal IComparableStates? OpenComparison(StoreConnections connections);
}

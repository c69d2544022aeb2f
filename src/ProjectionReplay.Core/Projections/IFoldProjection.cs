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

    /// <summary>Tells a visitor the type of the states, which nobody else knows.</summary>
    internal TResult Accept<TResult>(IProjectionVisitor<TResult> visitor);
}

/// <summary>Does something with a projection for which the type of its states must be known.</summary>
internal interface IProjectionVisitor<out TResult>
{
    /// <summary>Does it.</summary>
    TResult Visit<TState>(FoldProjection<TState> projection)
        where TState : class;
}

using ProjectionReplay.Projections;

namespace ProjectionReplay.PowerShell;

/// <summary>A fold projection that can be replayed, flat for tables and files. Immutable.</summary>
public sealed record ProjectionInfo
{
    /// <summary>The <see cref="Source"/> of projections that come with the module.</summary>
    internal const string BuiltIn = "built-in";

    /// <summary>The name, for <c>Invoke-ProjectionReplay -Projection</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The pipeline that the projection belongs to in the live system.</summary>
    public required string Pipeline { get; init; }

    /// <summary>The aggregate types whose events are folded, comma-separated; <c>*</c> when any type's are.</summary>
    public required string AggregateType { get; init; }

    /// <summary>The event types that are folded.</summary>
    public required IReadOnlyList<string> EventTypes { get; init; }

    /// <summary>The live system's queue, which a replay waits for.</summary>
    public required string QueueName { get; init; }

    /// <summary>The kind of server that the states are stored in: ClickHouse or Postgres.</summary>
    public required string Store { get; init; }

    /// <summary>The table that the states are stored in.</summary>
    public required string Table { get; init; }

    /// <summary>
    /// What replaying the same events again does: <c>LatestRow</c>, the latest row wins, or <c>Increment</c>, states
    /// are added up and each event is counted once.
    /// </summary>
    public required string ReplaySafety { get; init; }

    /// <summary>The projection's version.</summary>
    public required string Version { get; init; }

    /// <summary>Where it comes from: <c>built-in</c>, or the path of an assembly.</summary>
    public required string Source { get; init; }

    /// <summary>The name, so that the object stands for it wherever text is wanted.</summary>
    public override string ToString() => Name;

    internal static ProjectionInfo From(ProjectionDefinition definition, string source) => new()
    {
        Name = definition.Name,
        Pipeline = definition.Pipeline,
        AggregateType = definition.AggregateTypes.Count == 0 ? "*" : string.Join(", ", definition.AggregateTypes),
        EventTypes = definition.EventTypes,
        QueueName = definition.QueueName,
        Store = definition.Store.ToString(),
        Table = definition.Table,
        ReplaySafety = definition.ReplaySafety.ToString(),
        Version = definition.Version,
        Source = source,
    };
}

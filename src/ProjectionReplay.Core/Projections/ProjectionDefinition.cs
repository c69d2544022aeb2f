using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>What a projection is called, which events it folds, and where its states go. Immutable.</summary>
public sealed record ProjectionDefinition
{
    /// <summary>The projection's name, for example <c>evaluationState</c>. Part of the Redis key names.</summary>
    public required string Name { get; init; }

    /// <summary>The pipeline that the projection belongs to in the live system, for example <c>evaluation_processing</c>.</summary>
    public required string Pipeline { get; init; }

    /// <summary>The aggregate types whose events the projection folds; empty means any type.</summary>
    public IReadOnlyList<string> AggregateTypes { get; init; } = [];

    /// <summary>The event types that the projection folds. Others never reach it. Never empty.</summary>
    public required IReadOnlyList<string> EventTypes { get; init; }

    /// <summary>The projection's version, a calendar date such as <c>2025-01-14</c>.</summary>
    public required string Version { get; init; }

    /// <summary>The columns that <see cref="FoldProjection{TState}.Apply"/> reads.</summary>
    public EventColumns Columns { get; init; } = EventColumns.Payload | EventColumns.OccurredAt;

    /// <summary>The kind of server that the states are stored in.</summary>
    public required ProjectionStoreKind Store { get; init; }

    /// <summary>The table that the states are stored in, unquoted.</summary>
    public required string Table { get; init; }

    /// <summary>What happens when the same events are replayed again.</summary>
    public required ReplaySafety ReplaySafety { get; init; }

    /// <summary>
    /// The name of the live system's group queue, <c>{pipeline/projection/name}</c> with literal braces (a Redis hash
    /// tag). A wire contract.
    /// </summary>
    public string QueueName => $"{{{Pipeline}/projection/{Name}}}";
}

/// <summary>The kind of server that a projection stores its states in.</summary>
public enum ProjectionStoreKind
{
    /// <summary>A ReplacingMergeTree table in ClickHouse.</summary>
    ClickHouse,

    /// <summary>A table in Postgres.</summary>
    Postgres,
}

/// <summary>What happens when the same events are replayed again.</summary>
public enum ReplaySafety
{
    /// <summary>The latest row wins: replay at will.</summary>
    LatestRow,

    /// <summary>States are added to what is stored: each event may be counted once only.</summary>
    Increment,
}

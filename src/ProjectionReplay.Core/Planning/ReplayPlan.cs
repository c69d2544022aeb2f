namespace ProjectionReplay.Planning;

/// <summary>What a replay would do. Immutable.</summary>
public sealed record ReplayPlan
{
    /// <summary>The projection's name.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant.</summary>
    public required string TenantId { get; init; }

    /// <summary>The part of the tenant's aggregates, as <c>i/n</c>; null for all of them.</summary>
    public string? Shard { get; init; }

    /// <summary>The aggregates that were chosen, by their ids; null when none were, and all are replayed.</summary>
    public IReadOnlyList<string>? AggregateId { get; init; }

    /// <summary>Aggregates with an event at or after this moment, UTC, are replayed.</summary>
    public required DateTime Since { get; init; }

    /// <summary>The aggregates found.</summary>
    public required int AggregateCount { get; init; }

    /// <summary>
    /// All their events of the projection's types, from the first one on. An event that the log holds twice counts twice
    /// here.
    /// </summary>
    public required long EventCount { get; init; }

    /// <summary>The batches that the aggregates make.</summary>
    public required int BatchCount { get; init; }

    /// <summary>
    /// Aggregates that an interrupted run had completed: a resume would skip them. Of the whole tenant where aggregates were
    /// chosen, as are the markers.
    /// </summary>
    public required long PreviousCompletedCount { get; init; }

    /// <summary>Markers that an interrupted run left behind: live handlers hold back the events of those aggregates.</summary>
    public required long StaleMarkerCount { get; init; }
}

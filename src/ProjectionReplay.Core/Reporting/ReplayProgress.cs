using ProjectionReplay.Planning;

namespace ProjectionReplay.Reporting;

/// <summary>How far a run has come. A snapshot.</summary>
public sealed record ReplayProgress
{
    /// <summary>The projection's name.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant.</summary>
    public required string TenantId { get; init; }

    /// <summary>The batch in hand, counted from 1; 0 before the first.</summary>
    public required int Batch { get; init; }

    /// <summary>How many batches there are.</summary>
    public required int BatchCount { get; init; }

    /// <summary>What the batch is at.</summary>
    public required ReplayPhase Phase { get; init; }

    /// <summary>Aggregates whose batches are done.</summary>
    public required int AggregatesReplayed { get; init; }

    /// <summary>Aggregates in all.</summary>
    public required int AggregateCount { get; init; }

    /// <summary>Events folded so far, those of the batch in hand included.</summary>
    public required long EventsProcessed { get; init; }

    /// <summary>Events folded so far of the batch in hand.</summary>
    public required long BatchEventsProcessed { get; init; }

    /// <summary>Events that the batch in hand has, 0 while they are not known.</summary>
    public required long BatchEventCount { get; init; }

    /// <summary>Events a second since the first batch began.</summary>
    public required double EventsPerSecond { get; init; }

    /// <summary>Estimated seconds until the end, or null while nothing can be said.</summary>
    public required double? SecondsRemaining { get; init; }
}

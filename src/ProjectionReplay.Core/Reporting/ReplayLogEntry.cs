namespace ProjectionReplay.Reporting;

/// <summary>
/// One step of a run, flat so that it goes into JSON, CSV and filters as it is. A property that means nothing for the
/// step is null.
/// </summary>
public sealed record ReplayLogEntry
{
    /// <summary>When it happened, UTC.</summary>
    public required DateTime Timestamp { get; init; }

    /// <summary>
    /// start, discover, mark-batch, drain-batch, cutoff-batch, replay-batch, unmark-batch, error or complete.
    /// </summary>
    public required string Step { get; init; }

    /// <summary>The projection's name.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant.</summary>
    public required string TenantId { get; init; }

    /// <summary>The batch, counted from 1.</summary>
    public int? Batch { get; init; }

    /// <summary>How many batches there are.</summary>
    public int? BatchCount { get; init; }

    /// <summary>Aggregates that the step dealt with.</summary>
    public int? Count { get; init; }

    /// <summary>Of those, how many had events.</summary>
    public int? WithEvents { get; init; }

    /// <summary>Events folded.</summary>
    public long? EventsProcessed { get; init; }

    /// <summary>How long the step took, ms.</summary>
    public long? DurationMs { get; init; }

    /// <summary>Aggregates replayed by the whole run.</summary>
    public int? AggregatesReplayed { get; init; }

    /// <summary>Events folded by the whole run.</summary>
    public long? TotalEvents { get; init; }

    /// <summary>Aggregates that the whole run was to replay.</summary>
    public int? Planned { get; init; }

    /// <summary>
    /// Aggregates that the whole run left as they are: an earlier replay has counted them, or their rows know more than the event log.
    /// </summary>
    public int? SetAside { get; init; }

    /// <summary>
    /// Aggregates that came to the event log after the plan was made, and were replayed too. Counted batch by batch, against
    /// <see cref="Gone"/>.
    /// </summary>
    public int? Born { get; init; }

    /// <summary>Planned aggregates that the event log did not have any more when their turn came.</summary>
    public int? Gone { get; init; }

    /// <summary>How long the whole run took, seconds.</summary>
    public double? DurationSec { get; init; }

    /// <summary>The replay log, or null when there is none.</summary>
    public string? LogPath { get; init; }

    /// <summary>What happened, in words.</summary>
    public string? Message { get; init; }

    /// <summary>The replayed aggregates' start date and the options, for the log's first line.</summary>
    internal ReplayLogArguments? Arguments { get; init; }
}

/// <summary>What the log's first line says about the run.</summary>
internal sealed record ReplayLogArguments(DateTime Since, int BatchSize, int? AggregateBatchSize, int Concurrency, bool DryRun);

using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Planning;

/// <summary>How a replay works; every option has a safe default.</summary>
public sealed record ReplayOptions
{
    /// <summary>Events that ClickHouse sends at a time, 1 to 1,000,000.</summary>
    public int BatchSize { get; init; } = 5_000;

    /// <summary>
    /// Aggregates that are marked, replayed and unmarked together, 1 to 1,000,000, or null for as many as come to
    /// 75,000 events, and no more than a third as many aggregates. An aggregate's live events wait from the moment at which
    /// its batch is marked until the batch is stored.
    /// </summary>
    public int? AggregateBatchSize { get; init; }

    /// <summary>
    /// Streams of aggregates that are read and folded at once, 1 to 256: of batches in different parts of the log, as long as
    /// there are two processors for each, and within a batch where its aggregates have to be looked up first.
    /// </summary>
    public int Concurrency { get; init; } = 10;

    /// <summary>How long to wait for jobs that were in flight when a batch was marked.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The directory that the replay log is written to, or null for none.</summary>
    public string? LogDirectory { get; init; }

    /// <summary>How long the run lock outlives a run that died.</summary>
    internal TimeSpan LockExpiry { get; init; } = ReplayLock.DefaultExpiry;

    /// <summary>How soon after an event is visible in the event log the live system has staged its job.</summary>
    internal TimeSpan StagingGrace { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Called at every boundary of the cycle, so that tests can fail a run exactly there.</summary>
    internal Func<ReplayBoundary, CancellationToken, ValueTask>? Probe { get; init; }

    /// <summary>Called where two steps must not be taken for one, so that tests can do something in between.</summary>
    internal Func<int, DelicateMoment, CancellationToken, ValueTask>? Pause { get; init; }

    /// <summary>How long a phase may take while aggregates are marked, but for the aggregates' number.</summary>
    internal TimeSpan PhaseDeadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a phase may take while so many aggregates are marked: some minutes, and what waiting for jobs may take.
    /// </summary>
    internal TimeSpan DeadlineOfPhase(int aggregates, long events = 0) =>
        PhaseDeadline + (DrainTimeout * 3) + TimeSpan.FromMilliseconds((10L * aggregates) + events);

    /// <summary>Checks every option.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.OptionInvalid"/>, naming the option and its range.</exception>
    public void Validate()
    {
        Check(BatchSize is >= 1 and <= 1_000_000, "BatchSize", "from 1 to 1,000,000 events");
        Check(AggregateBatchSize is null or >= 1 and <= 1_000_000, "AggregateBatchSize", "from 1 to 1,000,000 aggregates");
        Check(Concurrency is >= 1 and <= 256, "Concurrency", "from 1 to 256 streams");
        Check(DrainTimeout >= TimeSpan.Zero && DrainTimeout <= TimeSpan.FromDays(1), "DrainTimeout", "from 0 seconds to 1 day");

        static void Check(bool valid, string name, string range)
        {
            if (!valid) throw new ReplayException(ReplayError.OptionInvalid, $"{name} must be {range}.");
        }
    }
}

/// <summary>A point in a batch's cycle: before or after one of its phases.</summary>
/// <param name="Batch">The batch, counted from 1.</param>
/// <param name="Phase">The phase.</param>
/// <param name="IsBefore">Whether the phase is yet to come, or is done.</param>
internal readonly record struct ReplayBoundary(int Batch, ReplayPhase Phase, bool IsBefore);

/// <summary>A moment within a phase at which the live system may interfere.</summary>
internal enum DelicateMoment
{
    /// <summary>Nobody skips events any more, and the log has not been looked at for late ones.</summary>
    BeforeLateEvents,

    /// <summary>The log was looked at, and the markers are still there.</summary>
    AfterLateEvents,

    /// <summary>All aggregates that are known are marked, and the counters have not been read yet. The batch is 0.</summary>
    BeforeBaseline,

    /// <summary>The counters were read, and the log has not been looked at for new aggregates. The batch is 0.</summary>
    AfterBaseline,
}

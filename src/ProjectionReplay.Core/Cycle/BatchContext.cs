using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Cycle;

/// <summary>What the batches of one run share.</summary>
internal sealed record BatchContext(
    ReplayRequest Request,
    EventSelection Selection,
    ClickHouseEventLog EventLog,
    IProjectionRun Projection,
    ReplayMarkers Markers,
    QueueDrain Drain,
    StagedJobs StagedJobs,
    RunReporter Reporter,
    TimeProvider TimeProvider)
{
    public ProjectionDefinition Definition => Request.Projection.Definition;

    public ReplayOptions Options => Request.Options;

    /// <summary>What the streams of every batch are read with.</summary>
    public StreamReading Reading => new(
        EventLog, Projection.StartFold, Definition, Options.BatchSize, Options.StagingGrace, TimeProvider);

    /// <summary>Whether an interrupted run goes on, so that some aggregates may be completed already.</summary>
    public bool IsResuming { get; init; }

    /// <summary>Whether no two aggregates have the same key string.</summary>
    public bool HasDistinctKeys { get; init; } = true;

    /// <summary>Whether aggregates that the ledger accounts for are counted once more, to add what is missing.</summary>
    public bool IsSettling { get; init; }

    /// <summary>
    /// Whether every aggregate that the log holds in a batch's ranges is to be replayed, so that none has to be looked up before
    /// its events are read.
    /// </summary>
    public bool ReadsAhead { get; init; }

    /// <summary>Whether rows may be stored that know of events which the log has no longer.</summary>
    public bool HasHistory { get; init; }

    /// <summary>What becomes of the aggregates.</summary>
    public RunTally Tally { get; init; } = new();

    /// <summary>Lets a test step in.</summary>
    public ValueTask PauseAsync(int batch, DelicateMoment moment, CancellationToken cancellationToken) =>
        Options.Pause is { } pause ? pause(batch, moment, cancellationToken) : ValueTask.CompletedTask;
}

using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Replay;

/// <summary>What the batches of one run share.</summary>
internal sealed record BatchContext(
    ReplayRequest Request,
    EventSelection Selection,
    ReplayServers Servers,
    IProjectionRun Projection,
    ReplayMarkers Markers,
    QueueDrain Drain,
    StagedJobs StagedJobs,
    FaultPolicy Faults,
    RunReporter Reporter,
    TimeProvider TimeProvider)
{
    public ProjectionDefinition Definition => Request.Projection.Definition;

    public ReplayOptions Options => Request.Options;

    public Server StoreServer => Definition.Store == ProjectionStoreKind.Postgres ? Server.Postgres : Server.ClickHouse;

    /// <summary>What the streams of every batch are read with.</summary>
    public StreamReading Reading => new(Servers.EventLog, Projection.StartFold, Definition, Options, TimeProvider);

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

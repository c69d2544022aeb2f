using ProjectionReplay.Configuration;

namespace ProjectionReplay.Replay;

/// <summary>Prepares replays against the servers that some connections name. Safe for concurrent use.</summary>
/// <param name="connections">Where the connection URLs come from.</param>
/// <param name="timeProvider">The clock; the system's when null.</param>
public sealed class ReplayEngine(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;
    private readonly ReplayConnections _connections = connections;

    /// <summary>
    /// Connects, discovers the aggregates, and looks for what an interrupted run left behind. Only reads.
    /// </summary>
    /// <param name="request">What to replay.</param>
    /// <param name="countEvents">Whether to count the events too, which takes a query of its own.</param>
    /// <param name="messages">Where the engine tells of retries and the like.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The run, ready to start, which the caller disposes.</returns>
    /// <exception cref="ReplayException">It cannot be done; the error says why.</exception>
    public Task<ReplayRun> PrepareAsync(
        ReplayRequest request, bool countEvents, ReplayMessages messages, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("draft");
}

/// <summary>A replay that is ready to start. Started once at most; not thread-safe.</summary>
public sealed class ReplayRun : IAsyncDisposable
{
    /// <summary>What the run is going to do.</summary>
    public ReplayPlan Plan => throw new InvalidOperationException("draft");

    /// <summary>Replays, batch by batch.</summary>
    /// <param name="previousRun">What to do about an interrupted run.</param>
    /// <param name="cancellationToken">
    /// Abandons the batch in hand: its markers are removed, what was completed stays completed.
    /// </param>
    /// <exception cref="ReplayException">
    /// The run stopped at a batch. Its markers are removed; the batches before stay completed for a resume.
    /// </exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public Task ExecuteAsync(PreviousRunAction previousRun, CancellationToken cancellationToken) => throw new InvalidOperationException("draft");

    /// <summary>
    /// Removes what an interrupted run of the same projection and tenant left behind, and replays nothing.
    /// </summary>
    public Task CleanUpAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("draft");

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new InvalidOperationException("draft");
}

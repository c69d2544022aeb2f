using System.Globalization;
using ProjectionReplay.Coordination;
using ProjectionReplay.Cycle;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Reporting;
using StackExchange.Redis;

namespace ProjectionReplay.Runs;

/// <summary>A replay that is ready to start. Started once at most; not thread-safe.</summary>
public sealed class ReplayRun : IAsyncDisposable
{
    private const int RetriesToRun = 6;

    private readonly ReplayRequest _request;
    private readonly EventSelection _selection;
    private readonly DiscoveredAggregates _discovery;
    private readonly ReplayServers _servers;
    private readonly IProjectionRun? _projection;
    private readonly PreviousRun _previous;
    private readonly ReplayMessages _messages;
    private readonly TimeProvider _timeProvider;
    private readonly RunFailures _failures;
    private readonly TargetGuard? _target;

    internal ReplayRun(
        ReplayPlan plan,
        ReplayRequest request,
        EventSelection selection,
        DiscoveredAggregates discovery,
        ReplayServers servers,
        IProjectionRun? projection,
        PreviousRun previous,
        ReplayMessages messages,
        TimeProvider timeProvider)
    {
        Plan = plan;
        _request = request;
        _selection = selection;
        _discovery = discovery;
        _servers = servers;
        _projection = projection;
        _previous = previous;
        _messages = messages;
        _timeProvider = timeProvider;
        servers.Patience.MostRetries = RetriesToRun;
        _failures = new RunFailures(request);
        _target = projection is null ? null : new TargetGuard(request, projection, _failures);
    }

    /// <summary>What the run is going to do.</summary>
    public ReplayPlan Plan { get; }

    /// <summary>
    /// Whether an interrupted run of other aggregates than those that were chosen comes first: there is nothing to decide
    /// about it here, as <see cref="ExecuteAsync"/> refuses to start.
    /// </summary>
    public bool IsHeldUp { get; internal init; }

    /// <summary>What a rebuild deletes, and what it builds from; null for other runs, and where the store does not know.</summary>
    public RebuildOutlook? Outlook { get; internal init; }

    /// <summary>Replays, batch by batch.</summary>
    /// <param name="previousRun">What to do about an interrupted run.</param>
    /// <param name="cancellationToken">
    /// Abandons the batch in hand: its markers are removed, what was completed stays completed.
    /// </param>
    /// <exception cref="ReplayException">
    /// The run stopped at a batch. Its markers are removed; the batches before stay completed for a resume.
    /// </exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="InvalidOperationException">The run was prepared as a dry run.</exception>
    public async Task ExecuteAsync(PreviousRunAction previousRun, CancellationToken cancellationToken)
    {
        if (_projection is null) throw new InvalidOperationException("A dry run cannot be executed.");
        var runLock = await TakeLockAsync(cancellationToken).ConfigureAwait(false);
        await using (runLock.ConfigureAwait(false))
        {
            using var stop = new RunStop(runLock, _timeProvider, cancellationToken);
            try
            {
                await ExecuteLockedAsync(previousRun, stop).ConfigureAwait(false);
            }
            catch (Exception exception) when (stop.Reason == StopReason.LockLost)
            {
                throw exception as ReplayException ?? _failures.LockLost(runLock, exception);
            }
        }
    }

    /// <summary>
    /// Removes what an interrupted run of the same projection, tenant and shard left behind, and replays nothing.
    /// </summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="ReplayException">Redis is out of reach, or another run is at work.</exception>
    public async Task<MarkerRemains> CleanUpAsync(CancellationToken cancellationToken)
    {
        var runLock = await TakeLockAsync(cancellationToken).ConfigureAwait(false);
        await using (runLock.ConfigureAwait(false))
        {
            var markers = await _previous.RemoveMarkersAsync(cancellationToken).ConfigureAwait(false);
            var completed = await _previous.ForgetCompletedAsync(cancellationToken).ConfigureAwait(false);
            return new MarkerRemains(Plan.Projection, Plan.TenantId, markers, completed);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _servers.DisposeAsync();

    private async Task ExecuteLockedAsync(PreviousRunAction previousRun, RunStop stop)
    {
        var cancellationToken = stop.Token;

        // What the plan found may have changed before the lock was taken.
        var (completed, stale) = await _previous.CountAsync(cancellationToken).ConfigureAwait(false);
        var others = await _previous.CountOthersAsync(cancellationToken).ConfigureAwait(false);
        if (others != (0, 0)) throw _failures.PreviousRunOfOthers(others.Completed, others.Stale);
        var hasPreviousRun = completed + stale > 0;
        if (!_request.IsRebuild)
        {
            if (hasPreviousRun && previousRun == PreviousRunAction.Refuse) throw _failures.PreviousRunFound(completed, stale);
            await RefuseHalfRebuiltAsync(cancellationToken).ConfigureAwait(false);

            if (!_request.AllowsLoss)
            {
                var completedBefore = previousRun == PreviousRunAction.Resume ? completed : 0;
                await _target!.RefuseChangedAsync(completedBefore, cancellationToken).ConfigureAwait(false);
            }
        }

        var reporter = new RunReporter(_request, _messages, OpenLog(), _timeProvider);
        await using (reporter.ConfigureAwait(false))
        {
            var context = CreateContext(reporter) with
            {
                IsResuming = hasPreviousRun && previousRun == PreviousRunAction.Resume && !_request.IsRebuild,
            };
            var started = _timeProvider.GetTimestamp();
            await ReportStartAsync(reporter, cancellationToken).ConfigureAwait(false);
            int replayed;
            if (_request.IsRebuild)
            {
                replayed = await RebuildAsync(context, stop).ConfigureAwait(false);
            }
            else
            {
                if (hasPreviousRun)
                {
                    await new UnreleasedCounts(context, _previous, _failures).SettleAsync(stop).ConfigureAwait(false);
                    await ClearPreviousRunAsync(previousRun, completed, reporter, cancellationToken).ConfigureAwait(false);
                }

                replayed = await ReplayBatchesAsync(_discovery, context, stop).ConfigureAwait(false);
            }

            var forgotten = context.IsResuming || _request.IsRebuild || !_discovery.HasDistinctKeys
                ? await _previous.ForgetCompletedAsync(cancellationToken).ConfigureAwait(false)
                : await _previous.ForgetOwnAsync(replayed, cancellationToken).ConfigureAwait(false);
            reporter.Verbose(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Cleaned up: nothing is marked, and the record of {forgotten:N0} completed aggregates is removed."));
            if (!_request.IsRebuild) await _target!.WarnAsync(reporter, cancellationToken).ConfigureAwait(false);
            await reporter.StepAsync(
                "complete",
                entry => entry with
                {
                    AggregatesReplayed = replayed,
                    TotalEvents = reporter.EventsProcessed,
                    DurationSec = Math.Round(_timeProvider.GetElapsedTime(started).TotalSeconds, 3),
                    Planned = context.Tally.Planned,
                    SetAside = context.Tally.SetAside,
                    Born = context.Tally.Born,
                    Gone = context.Tally.Gone,
                    Message = string.Create(
                        CultureInfo.InvariantCulture,
                        $"Replayed {replayed:N0} aggregates, {reporter.EventsProcessed:N0} events."
                            + $"{context.Tally.Describe(context.IsResuming)}"),
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<ReplayLock> TakeLockAsync(CancellationToken cancellationToken)
    {
        var (runLock, occupant) = await ReplayLock.TakeAsync(
            _servers.Redis,
            new ReplayLockScope(Plan.Projection, Plan.TenantId, _request.Shard),
            _request.Options.LockExpiry,
            _timeProvider,
            WarnOfWait,
            cancellationToken).ConfigureAwait(false);
        if (runLock is null) throw _failures.Locked(occupant!);
        _previous.Markers.Fence = runLock;
        _messages.TrySend(new ReplayDebugMessage("Took the run lock."));
        return runLock;

        void WarnOfWait(ReplayLockOccupant other) => _messages.TrySend(new ReplayWarningMessage(_failures.WaitingFor(other)));
    }

    private async Task ReportStartAsync(RunReporter reporter, CancellationToken cancellationToken)
    {
        var options = _request.Options;
        if (reporter.LogPath is { } path) reporter.Verbose($"The replay log is '{path}'.");
        var part = _request.Shard is { } shard ? $", of shard {shard}"
            : _request.AggregateIds is { } ids ? string.Create(CultureInfo.InvariantCulture, $", of {ids.Count:N0} that were chosen")
            : "";
        await reporter.StepAsync(
            "start",
            entry => entry with
            {
                Message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"Replaying events of aggregates active since {Plan.Since:yyyy-MM-dd HH:mm:ss} UTC{part}."),
                Arguments = new ReplayLogArguments(
                    Plan.Since, options.BatchSize, options.AggregateBatchSize, options.Concurrency, DryRun: false),
            },
            cancellationToken).ConfigureAwait(false);
        await reporter.StepAsync("discover", entry => entry with { Count = Plan.AggregateCount }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Clears what an interrupted run left behind: its markers, and for a restart what it completed as well.</summary>
    private async Task ClearPreviousRunAsync(
        PreviousRunAction previousRun, long completed, RunReporter reporter, CancellationToken cancellationToken)
    {
        var removed = await _previous.RemoveMarkersAsync(cancellationToken).ConfigureAwait(false);
        if (removed > 0)
        {
            reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"Removed {removed:N0} markers of an interrupted run."));
        }

        if (previousRun == PreviousRunAction.Restart)
        {
            await _previous.ForgetCompletedAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"Resuming: {completed:N0} aggregates are completed."));
    }

    private BatchContext CreateContext(RunReporter reporter) => new(
        _request,
        _selection,
        _servers.EventLog,
        _projection!,
        _previous.Markers,
        new QueueDrain(_servers.Redis, _request.Projection.Definition.QueueName, _timeProvider),
        new StagedJobs(_servers.Redis, _request.Projection.Definition.QueueName, _timeProvider),
        reporter,
        _timeProvider);

    /// <summary>Builds the tenant's counters anew. An earlier run, whatever it left behind, is of no account.</summary>
    private async Task<int> RebuildAsync(BatchContext context, RunStop stop)
    {
        var cancellationToken = stop.Token;
        var rebuild = new CounterRebuild(context);
        await rebuild.CheckAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _previous.ForgetCompletedAsync(cancellationToken).ConfigureAwait(false);
            var options = _request.Options;
            var discovery = await PhaseDeadline.KeepAsync(
                "Emptying the counters",
                options.DeadlineOfPhase(_discovery.AggregateCount, _discovery.EventCount) + (options.DrainTimeout * 4),
                rebuild.ClearAsync,
                cancellationToken).ConfigureAwait(false);
            var replayed = await ReplayBatchesAsync(discovery, context, stop).ConfigureAwait(false);

            // Those of an earlier run that are not in the log any more.
            await _previous.RemoveMarkersAsync(cancellationToken).ConfigureAwait(false);
            await _previous.Markers.EndRebuildAsync(Plan.TenantId, cancellationToken).ConfigureAwait(false);
            return replayed;
        }
        catch
        {
            await UnmarkAllAsync(context.Reporter, rebuild, stop).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gives every aggregate back to the live handlers after a rebuild failed, unless another run has taken over.</summary>
    private Task<bool> UnmarkAllAsync(RunReporter reporter, CounterRebuild rebuild, RunStop stop) => stop.HandBackAsync(
        "the rebuild",
        async patience =>
        {
            await _previous.RemoveMarkersAsync(patience).ConfigureAwait(false);

            // Of a type that the tenant did not have before, and that nobody looks for therefore.
            await _previous.Markers.RemoveAsync(
                rebuild.Marked.Select(aggregate => (RedisValue)aggregate.ToString()), patience).ConfigureAwait(false);
        },
        reporter);

    /// <summary>Adding to counters of which a rebuild has deleted a part would make them wrong for good.</summary>
    private async Task RefuseHalfRebuiltAsync(CancellationToken cancellationToken)
    {
        if (await _previous.Markers.IsRebuildingAsync(Plan.TenantId, cancellationToken).ConfigureAwait(false))
        {
            throw _failures.RebuildInterrupted();
        }
    }

    private async Task<int> ReplayBatchesAsync(
        DiscoveredAggregates discovery, BatchContext context, RunStop stop)
    {
        context.Reporter.Start(discovery.AggregateCount, discovery.Batches.Count);
        var selection = discovery.Selection;
        var isAnyDone = context.IsResuming
            || await _projection!.HasReplayedAsync(Plan.TenantId, stop.Token).ConfigureAwait(false);
        context = context with
        {
            Selection = selection,
            ReadsAhead = !isAnyDone && (selection.IsWhole || selection.IsSparse),
            HasDistinctKeys = discovery.HasDistinctKeys,
            HasHistory = await _target!.HasHistoryAsync(context.Reporter, stop.Token).ConfigureAwait(false),
        };
        var sequence = new BatchSequence(context, discovery.Batches);
        await using (sequence.ConfigureAwait(false))
        {
            try
            {
                return await new BatchPipeline(context, sequence, _failures, stop).RunAsync().ConfigureAwait(false);
            }
            finally
            {
                // Of a run that fails too: the one that goes on leaves out what this one has completed.
                foreach (var warning in context.Tally.Warnings(context.Definition.Table, _projection!.VersionColumn))
                {
                    context.Reporter.Warn(warning);
                }
            }
        }
    }

    private ReplayLogWriter? OpenLog()
    {
        if (_request.Options.LogDirectory is not { } directory) return null;
        try
        {
            return ReplayLogWriter.Create(directory, _request.Projection.Definition.Name, _timeProvider.GetUtcNow(), _request.Shard);
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ReplayException(
                ReplayError.LogUnavailable,
                $"The replay log cannot be created in '{directory}': {exception.Message} Give another directory with -LogDirectory.",
                exception);
        }
    }
}

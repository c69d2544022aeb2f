using System.Globalization;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Logging;
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
}

/// <summary>
/// One batch of aggregates on its way through the cycle: mark, drain, cutoff, load, store, unmark. Its states are
/// written in one go after the last event was folded, and its markers go after the write is durable.
/// </summary>
internal sealed class ReplayBatch(BatchContext context, int number, int batchCount, IReadOnlyList<AggregateKey> aggregates, int replayedBefore)
{
    private const string AlreadyCounted =
        "Some aggregates were counted by an earlier replay, as the table projection_replay_ledger says: they are skipped, and nothing is counted twice.";

    private readonly List<string> _keys = [.. aggregates.Select(aggregate => aggregate.ToString())];
    private long _eventCount;

    /// <summary>Takes the batch through the cycle.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await PhaseAsync(ReplayPhase.Mark, MarkAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Drain, DrainAsync, cancellationToken).ConfigureAwait(false);
        var (bounded, replayed) = await PhaseAsync(ReplayPhase.Cutoff, CutOffAsync, cancellationToken).ConfigureAwait(false);
        _eventCount = bounded.Sum(aggregate => aggregate.RowCount);

        var started = context.TimeProvider.GetTimestamp();
        var eventsBefore = context.Reporter.EventsProcessed;
        var folds = new BatchFolds(context);
        await PhaseAsync(ReplayPhase.Load, token => folds.LoadAsync(bounded, token), cancellationToken).ConfigureAwait(false);
        var settlement = new BatchSettlement(context, number, folds);
        await PhaseAsync(ReplayPhase.Settle, settlement.SettleAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Store, folds.StoreAsync, cancellationToken).ConfigureAwait(false);
        await StepAsync(
            "replay-batch",
            entry => entry with
            {
                Count = bounded.Count,
                EventsProcessed = context.Reporter.EventsProcessed - eventsBefore,
                DurationMs = Elapsed(started),
            },
            cancellationToken).ConfigureAwait(false);

        await PhaseAsync(ReplayPhase.Unmark, token => UnmarkAsync(settlement, replayed, token), cancellationToken).ConfigureAwait(false);
        await RecheckAsync(folds, cancellationToken).ConfigureAwait(false);
        return bounded.Count;
    }

    /// <summary>
    /// Gives the batch's aggregates back to the live handlers after a failure. Never throws: the failure is the news.
    /// </summary>
    /// <returns>Whether none of its markers is left.</returns>
    public async Task<bool> AbandonAsync(ReplayLock runLock, TimeSpan timeout)
    {
        using var patience = new CancellationTokenSource(timeout, context.TimeProvider);
        try
        {
            // A run that took over has marked the aggregates again: its markers are not ours to remove.
            if (runLock.Lost.IsCancellationRequested
                && !await context.Faults.CallAsync(Server.Redis, "Regaining the run lock", runLock.TryRegainAsync, patience.Token).ConfigureAwait(false))
            {
                return false;
            }

            await context.Faults.CallAsync(
                Server.Redis, "Removing markers", token => context.Markers.RemoveAsync(_keys, token), patience.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            var reason = exception is OperationCanceledException ? "Redis did not answer in time" : exception.Message.TrimEnd('.');
            context.Reporter.Warn(string.Create(CultureInfo.InvariantCulture, $"""
                The markers of up to {_keys.Count:N0} aggregates could not be removed ({reason}). Live handlers hold back their events until Clear-ReplayMarker, or a run with -Resume or -Restart, removes them.
                """));
            return false;
        }
    }

    private async Task MarkAsync(CancellationToken cancellationToken)
    {
        await context.Faults.CallAsync(
            Server.Redis, "Setting markers", token => context.Markers.MarkPendingAsync(_keys, token), cancellationToken).ConfigureAwait(false);
        await StepAsync("mark-batch", entry => entry with { Count = aggregates.Count }, cancellationToken).ConfigureAwait(false);
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var stuck = await context.Faults.CallAsync(
            Server.Redis,
            "Watching jobs in flight",
            token => context.Drain.WaitAsync(aggregates, context.Options.DrainTimeout, token),
            cancellationToken).ConfigureAwait(false);
        if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
        await StepAsync(
            "drain-batch", entry => entry with { Count = aggregates.Count, DurationMs = Elapsed(started) }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Finds the boundary of each aggregate. One that an earlier replay accounts for keeps the boundary of that replay
    /// and is not loaded: what came after it is the live handlers', who counted it or are going to.
    /// </summary>
    /// <returns>The aggregates to load, and the key strings of those that need not be.</returns>
    private async Task<(List<BoundedAggregate> Bounded, List<string> Replayed)> CutOffAsync(CancellationToken cancellationToken)
    {
        var accounted = await context.Faults.CallAsync(
            context.StoreServer, "Looking for earlier replays", token => context.Projection.FindReplayedAsync(aggregates, token), cancellationToken).ConfigureAwait(false);
        var tails = await ReadTailsAsync(cancellationToken).ConfigureAwait(false);

        var (bounded, replayed, without) = (new List<BoundedAggregate>(aggregates.Count), new List<string>(), new List<string>());
        var cutoffs = new List<(string Key, string EventId)>(aggregates.Count);
        foreach (var (aggregate, key) in aggregates.Zip(_keys))
        {
            if (accounted.TryGetValue(aggregate, out var earlier))
            {
                replayed.Add(key);
                cutoffs.Add((key, earlier));
            }
            else if (tails.TryGetValue(aggregate, out var tail))
            {
                bounded.Add(new BoundedAggregate(aggregate, tail.LastEventId, tail.RowCount));
                cutoffs.Add((key, tail.LastEventId));
            }
            else
            {
                without.Add(key);
            }
        }

        await context.Faults.CallAsync(
            Server.Redis,
            "Setting cutoffs",
            async token =>
            {
                await context.Markers.RemoveAsync(without, token).ConfigureAwait(false);
                await context.Markers.SetCutoffsAsync(cutoffs, token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        if (replayed.Count > 0) context.Reporter.Warn(AlreadyCounted);
        await StepAsync(
            "cutoff-batch", entry => entry with { Count = aggregates.Count, WithEvents = cutoffs.Count }, cancellationToken).ConfigureAwait(false);
        return (bounded, replayed);
    }

    private async Task<Dictionary<AggregateKey, AggregateTail>> ReadTailsAsync(CancellationToken cancellationToken)
    {
        var found = new Dictionary<AggregateKey, AggregateTail>(aggregates.Count);
        foreach (var range in AggregateRange.Cover(aggregates))
        {
            var tails = await context.Faults.CallAsync(
                Server.ClickHouse,
                "Reading cutoffs",
                token => context.Servers.EventLog.ReadTailsAsync(context.Selection, range, token),
                cancellationToken).ConfigureAwait(false);
            foreach (var tail in tails) found.Add(new AggregateKey(context.Selection.TenantId, range.AggregateType, tail.AggregateId), tail);
        }

        return found;
    }

    /// <summary>
    /// Between the last look and the removal of the markers an event may have come in that the live handlers skipped:
    /// its aggregate is replayed once more. Counters cannot tell whether it was counted, so the operator is told.
    /// </summary>
    private async Task RecheckAsync(BatchFolds folds, CancellationToken cancellationToken)
    {
        var (late, _) = await folds.InspectAsync(folds.Aggregates, cancellationToken).ConfigureAwait(false);
        if (late.Count == 0) return;
        var grown = folds.Aggregates.Where(late.Contains).ToList();
        if (context.Definition.ReplaySafety == ReplaySafety.Increment)
        {
            context.Reporter.Warn(
                $"Events came in late at the very moment their aggregates were unmarked, for example of '{grown[0]}'. They may not be counted. Rebuild the counters when that matters.");
            return;
        }

        // Not completed after all, should the run end before they are replayed again.
        await context.Faults.CallAsync(
            Server.Redis,
            "Taking back completed aggregates",
            token => context.Markers.ForgetCompletedAsync(grown.ConvertAll(aggregate => aggregate.ToString()), token),
            cancellationToken).ConfigureAwait(false);
        await new ReplayBatch(context, number, batchCount, grown, replayedBefore).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes the markers of each aggregate as soon as replay and live handlers agree on it.</summary>
    private async Task UnmarkAsync(BatchSettlement settlement, List<string> replayed, CancellationToken cancellationToken)
    {
        var count = replayed.Count;
        await CompleteAsync(replayed, cancellationToken).ConfigureAwait(false);
        await settlement.ReleaseAsync(
            (settled, token) =>
            {
                count += settled.Count;
                return CompleteAsync(settled.ConvertAll(aggregate => aggregate.ToString()), token);
            },
            cancellationToken).ConfigureAwait(false);
        await StepAsync("unmark-batch", entry => entry with { Count = count }, cancellationToken).ConfigureAwait(false);
    }

    private Task CompleteAsync(List<string> keys, CancellationToken cancellationToken) => context.Faults.CallAsync(
        Server.Redis, "Removing markers", token => context.Markers.CompleteAsync(keys, token), cancellationToken);

    private Task<bool> PhaseAsync(ReplayPhase phase, Func<CancellationToken, Task> work, CancellationToken cancellationToken) =>
        PhaseAsync(
            phase,
            async token =>
            {
                await work(token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    private async Task<T> PhaseAsync<T>(ReplayPhase phase, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        context.Reporter.Enter(number, phase, replayedBefore, _eventCount);
        if (context.Options.Probe is not { } probe) return await work(cancellationToken).ConfigureAwait(false);

        await probe(new ReplayBoundary(number, phase, IsBefore: true), cancellationToken).ConfigureAwait(false);
        var result = await work(cancellationToken).ConfigureAwait(false);
        await probe(new ReplayBoundary(number, phase, IsBefore: false), cancellationToken).ConfigureAwait(false);
        return result;
    }

    private Task StepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill, CancellationToken cancellationToken) =>
        context.Reporter.StepAsync(step, entry => fill(entry with { Batch = number, BatchCount = batchCount }), cancellationToken);

    private long Elapsed(long started) => (long)context.TimeProvider.GetElapsedTime(started).TotalMilliseconds;
}

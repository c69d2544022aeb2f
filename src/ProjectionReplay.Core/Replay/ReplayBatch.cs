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
    FaultPolicy Faults,
    RunReporter Reporter,
    TimeProvider TimeProvider)
{
    public ProjectionDefinition Definition => Request.Projection.Definition;

    public ReplayOptions Options => Request.Options;
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
        var folds = await PhaseAsync(ReplayPhase.Load, token => LoadAsync(bounded, token), cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Store, token => StoreAsync(folds, bounded, token), cancellationToken).ConfigureAwait(false);
        await StepAsync(
            "replay-batch",
            entry => entry with
            {
                Count = bounded.Count,
                EventsProcessed = context.Reporter.EventsProcessed - eventsBefore,
                DurationMs = Elapsed(started),
            },
            cancellationToken).ConfigureAwait(false);

        List<string> done = [.. bounded.Select(aggregate => aggregate.Key.ToString()), .. replayed];
        await PhaseAsync(ReplayPhase.Unmark, token => UnmarkAsync(done, token), cancellationToken).ConfigureAwait(false);
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
        if (stuck.Count > 0) throw Stuck(stuck);
        await StepAsync(
            "drain-batch", entry => entry with { Count = aggregates.Count, DurationMs = Elapsed(started) }, cancellationToken).ConfigureAwait(false);
    }

    private ReplayException Stuck(IReadOnlyList<AggregateKey> stuck)
    {
        var named = string.Join(", ", stuck.Take(10).Select(aggregate => $"'{aggregate}'"));
        var more = stuck.Count > 10 ? string.Create(CultureInfo.InvariantCulture, $" and {stuck.Count - 10:N0} more") : "";
        return new ReplayException(
            ReplayError.DrainTimeout,
            string.Create(CultureInfo.InvariantCulture, $"""
                Live jobs that were in flight did not end within {context.Options.DrainTimeout.TotalSeconds:0.###} s for {stuck.Count:N0} aggregates: {named}{more}. Look for a stuck worker of queue {context.Definition.QueueName}, or give a longer -DrainTimeout.
                """));
    }

    /// <summary>
    /// Finds the boundary of each aggregate. One that an earlier replay accounts for keeps the boundary of that replay
    /// and is not loaded: what came after it is the live handlers', who counted it or are going to.
    /// </summary>
    /// <returns>The aggregates to load, and the key strings of those that need not be.</returns>
    private async Task<(List<BoundedAggregate> Bounded, List<string> Replayed)> CutOffAsync(CancellationToken cancellationToken)
    {
        var accounted = await context.Faults.CallAsync(
            StoreServer, "Looking for earlier replays", token => context.Projection.FindReplayedAsync(aggregates, token), cancellationToken).ConfigureAwait(false);
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
        for (var start = 0; start < aggregates.Count;)
        {
            var (first, end) = (aggregates[start], start + 1);
            while (end < aggregates.Count && aggregates[end].AggregateType == first.AggregateType) end++;
            var range = new AggregateRange(first.AggregateType, first.AggregateId, aggregates[end - 1].AggregateId);
            var tails = await context.Faults.CallAsync(
                Server.ClickHouse,
                "Reading cutoffs",
                token => context.Servers.EventLog.ReadTailsAsync(context.Selection, range, token),
                cancellationToken).ConfigureAwait(false);
            foreach (var tail in tails) found.Add(first with { AggregateId = tail.AggregateId }, tail);
            start = end;
        }

        return found;
    }

    private async Task<IStreamFold[]> LoadAsync(List<BoundedAggregate> bounded, CancellationToken cancellationToken)
    {
        var streams = AggregateStream.Cut(context.Selection, bounded, context.Options.Concurrency);
        var folds = new IStreamFold[streams.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = context.Options.Concurrency, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, streams.Count, parallel, async (index, token) =>
        {
            folds[index] = await context.Faults.CallAsync(
                Server.ClickHouse,
                "Reading events",
                retry => streams[index].FoldAsync(
                    context.Servers.EventLog, context.Projection, context.Definition, context.Options.BatchSize, context.Reporter.AddEvents, retry),
                token).ConfigureAwait(false);
        }).ConfigureAwait(false);
        return folds;
    }

    private async Task StoreAsync(IStreamFold[] folds, List<BoundedAggregate> bounded, CancellationToken cancellationToken)
    {
        var cutoffs = bounded.ToDictionary(aggregate => aggregate.Key, aggregate => aggregate.Cutoff);
        var warnings = await context.Faults.CallAsync(
            StoreServer,
            $"Writing to {context.Definition.Table}",
            token => context.Projection.StoreAsync(folds, cutoffs, token),
            cancellationToken).ConfigureAwait(false);
        foreach (var warning in warnings) context.Reporter.Warn(warning);
    }

    private async Task UnmarkAsync(List<string> keys, CancellationToken cancellationToken)
    {
        await context.Faults.CallAsync(
            Server.Redis, "Removing markers", token => context.Markers.CompleteAsync(keys, token), cancellationToken).ConfigureAwait(false);
        await StepAsync("unmark-batch", entry => entry with { Count = keys.Count }, cancellationToken).ConfigureAwait(false);
    }

    private Server StoreServer => context.Definition.Store == ProjectionStoreKind.Postgres ? Server.Postgres : Server.ClickHouse;

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

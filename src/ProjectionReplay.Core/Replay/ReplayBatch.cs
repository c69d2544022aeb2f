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
    private readonly List<string> _keys = [.. aggregates.Select(aggregate => aggregate.ToString())];
    private long _eventCount;

    /// <summary>Takes the batch through the cycle.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await PhaseAsync(ReplayPhase.Mark, MarkAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Drain, DrainAsync, cancellationToken).ConfigureAwait(false);
        var bounded = await PhaseAsync(ReplayPhase.Cutoff, CutOffAsync, cancellationToken).ConfigureAwait(false);
        _eventCount = bounded.Sum(aggregate => aggregate.RowCount);

        var started = context.TimeProvider.GetTimestamp();
        var eventsBefore = context.Reporter.EventsProcessed;
        var folds = await PhaseAsync(ReplayPhase.Load, token => LoadAsync(bounded, token), cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Store, token => StoreAsync(folds, token), cancellationToken).ConfigureAwait(false);
        await StepAsync(
            "replay-batch",
            entry => entry with
            {
                Count = bounded.Count,
                EventsProcessed = context.Reporter.EventsProcessed - eventsBefore,
                DurationMs = Elapsed(started),
            },
            cancellationToken).ConfigureAwait(false);

        await PhaseAsync(ReplayPhase.Unmark, token => UnmarkAsync(bounded, token), cancellationToken).ConfigureAwait(false);
        return bounded.Count;
    }

    /// <summary>
    /// Gives the batch's aggregates back to the live handlers after a failure. Never throws: the failure is the news.
    /// </summary>
    public async Task AbandonAsync(ReplayLock runLock, TimeSpan timeout)
    {
        using var patience = new CancellationTokenSource(timeout, context.TimeProvider);
        try
        {
            // A run that took over has marked the aggregates again: its markers are not ours to remove.
            if (runLock.Lost.IsCancellationRequested
                && !await context.Faults.CallAsync(Server.Redis, "Regaining the run lock", runLock.TryRegainAsync, patience.Token).ConfigureAwait(false))
            {
                return;
            }

            await context.Faults.CallAsync(
                Server.Redis, "Removing markers", token => context.Markers.RemoveAsync(_keys, token), patience.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            context.Reporter.Warn(string.Create(CultureInfo.InvariantCulture, $"""
                The markers of up to {_keys.Count:N0} aggregates could not be removed ({exception.Message.TrimEnd('.')}). Live handlers hold back their events until Clear-ReplayMarker, or a run with -Resume or -Restart, removes them.
                """));
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

    private async Task<List<BoundedAggregate>> CutOffAsync(CancellationToken cancellationToken)
    {
        var bounded = new List<BoundedAggregate>(aggregates.Count);
        for (var start = 0; start < aggregates.Count;)
        {
            var end = start + 1;
            while (end < aggregates.Count && aggregates[end].AggregateType == aggregates[start].AggregateType) end++;
            var range = new AggregateRange(aggregates[start].AggregateType, aggregates[start].AggregateId, aggregates[end - 1].AggregateId);
            var tails = await context.Faults.CallAsync(
                Server.ClickHouse,
                "Reading cutoffs",
                token => context.Servers.EventLog.ReadTailsAsync(context.Selection, range, token),
                cancellationToken).ConfigureAwait(false);
            var tailById = tails.ToDictionary(tail => tail.AggregateId, StringComparer.Ordinal);
            for (; start < end; start++)
            {
                if (tailById.TryGetValue(aggregates[start].AggregateId, out var tail))
                {
                    bounded.Add(new BoundedAggregate(aggregates[start], tail.LastEventId, tail.RowCount));
                }
            }
        }

        var withEvents = bounded.Select(aggregate => aggregate.Key).ToHashSet();
        var withoutEvents = aggregates.Where(aggregate => !withEvents.Contains(aggregate)).Select(aggregate => aggregate.ToString()).ToList();
        await context.Faults.CallAsync(
            Server.Redis,
            "Setting cutoffs",
            async token =>
            {
                await context.Markers.RemoveAsync(withoutEvents, token).ConfigureAwait(false);
                await context.Markers.SetCutoffsAsync(bounded.Select(aggregate => (aggregate.Key.ToString(), aggregate.Cutoff)), token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        await StepAsync(
            "cutoff-batch", entry => entry with { Count = aggregates.Count, WithEvents = bounded.Count }, cancellationToken).ConfigureAwait(false);
        return bounded;
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

    private async Task StoreAsync(IStreamFold[] folds, CancellationToken cancellationToken)
    {
        var warnings = await context.Faults.CallAsync(
            context.Definition.Store == ProjectionStoreKind.Postgres ? Server.Postgres : Server.ClickHouse,
            $"Writing to {context.Definition.Table}",
            token => context.Projection.StoreAsync(folds, token),
            cancellationToken,
            isRetrySafe: context.Definition.ReplaySafety == ReplaySafety.LatestRow).ConfigureAwait(false);
        foreach (var warning in warnings) context.Reporter.Warn(warning);
    }

    private async Task UnmarkAsync(List<BoundedAggregate> bounded, CancellationToken cancellationToken)
    {
        var keys = bounded.ConvertAll(aggregate => aggregate.Key.ToString());
        await context.Faults.CallAsync(
            Server.Redis, "Removing markers", token => context.Markers.CompleteAsync(keys, token), cancellationToken).ConfigureAwait(false);
        await StepAsync("unmark-batch", entry => entry with { Count = bounded.Count }, cancellationToken).ConfigureAwait(false);
    }

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

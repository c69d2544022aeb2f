using System.Globalization;
using System.Text;
using ProjectionReplay.Projections;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// One batch of aggregates on its way through the cycle: mark, drain, load, cutoff, settle, store, unmark. Its states
/// are written in one go after the last event was folded, and its markers go after the write is durable.
/// </summary>
/// <remarks>
/// The cutoffs are set after the load, not before it: while an aggregate is pending nobody skips its events, so the last
/// event that was loaded is as good a boundary as any, it needs no query of its own, and a load that fails has made
/// live handlers skip nothing.
/// </remarks>
internal sealed class ReplayBatch(BatchContext context, PlannedBatch plan, int number, BatchReport report)
{
    private const string AlreadyCounted =
        "Some aggregates were counted by an earlier replay, as the table projection_replay_ledger says: they are skipped, and nothing is counted twice.";

    private readonly BatchFolds _folds = new(context, report);
    private List<BatchAggregate> _aggregates = [];
    private readonly List<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Cutoff)> _replayed = [];
    private long _loadStarted;

    /// <summary>The batch, counted from 1.</summary>
    public int Number => number;

    /// <summary>The key strings, UTF-8, of the aggregates that may be marked.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Keys => _aggregates.Select(aggregate => aggregate.KeyUtf8);

    /// <summary>Takes the aggregates over from the live handlers.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        _aggregates = await ListAsync(cancellationToken).ConfigureAwait(false);
        report.EventCount = _aggregates.Sum(aggregate => aggregate.RowCount);
        await PhaseAsync(ReplayPhase.Mark, MarkAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Drain, DrainAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads and folds their events.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => PhaseAsync(ReplayPhase.Load, LoadCoreAsync, cancellationToken);

    /// <summary>Stores what the folds came to, and gives the aggregates back.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    public async Task<int> FinishAsync(CancellationToken cancellationToken)
    {
        var settlement = new BatchSettlement(context, number, _folds);
        await PhaseAsync(ReplayPhase.Cutoff, token => CutOffAsync(settlement, token), cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Settle, token => settlement.MeetJobsAsync(_folds.Aggregates, token), cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Store, StoreAsync, cancellationToken).ConfigureAwait(false);
        return await PhaseAsync(ReplayPhase.Unmark, token => UnmarkAsync(settlement, token), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The aggregates of the batch's ranges, without those that an interrupted run completed.</summary>
    private async Task<List<BatchAggregate>> ListAsync(CancellationToken cancellationToken)
    {
        var listed = await plan.ListAsync(context.Servers.EventLog, context.Selection, context.Faults, cancellationToken).ConfigureAwait(false);
        if (!context.IsResuming || listed.Count == 0) return listed;
        var completed = await context.Faults.CallAsync(
            Server.Redis, "Reading the completed set", token => context.Markers.FindCompletedAsync(listed.ConvertAll(aggregate => (RedisValue)aggregate.KeyUtf8), token), cancellationToken).ConfigureAwait(false);
        return [.. listed.Where((_, index) => !completed[index])];
    }

    private async Task MarkAsync(CancellationToken cancellationToken)
    {
        await context.Faults.CallAsync(
            Server.Redis, "Setting markers", token => context.Markers.MarkPendingAsync(Keys.Select(key => (RedisValue)key), token), cancellationToken).ConfigureAwait(false);
        await report.StepAsync("mark-batch", entry => entry with { Count = _aggregates.Count }, cancellationToken).ConfigureAwait(false);
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var stuck = await context.Faults.CallAsync(
            Server.Redis,
            "Watching jobs in flight",
            token => context.Drain.WaitAsync(Keys, context.Options.DrainTimeout, token),
            cancellationToken).ConfigureAwait(false);
        if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
        await report.StepAsync(
            "drain-batch", entry => entry with { Count = _aggregates.Count, DurationMs = Elapsed(started) }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Reads and folds. An aggregate that an earlier replay accounts for keeps the boundary of that replay and is not
    /// loaded: what came after it is the live handlers', who counted it or are going to.
    /// </summary>
    private async Task LoadCoreAsync(CancellationToken cancellationToken)
    {
        _loadStarted = context.TimeProvider.GetTimestamp();
        var open = context.Definition.ReplaySafety == ReplaySafety.Increment
            ? await SetReplayedAsideAsync(cancellationToken).ConfigureAwait(false)
            : _aggregates;
        await _folds.LoadAsync(open, cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<BatchAggregate>> SetReplayedAsideAsync(CancellationToken cancellationToken)
    {
        var accounted = await context.Faults.CallAsync(
            context.StoreServer,
            "Looking for earlier replays",
            token => context.Projection.FindReplayedAsync([.. _aggregates.Select(aggregate => aggregate.ToKey())], token),
            cancellationToken).ConfigureAwait(false);
        if (accounted.Count == 0) return _aggregates;

        context.Reporter.Warn(AlreadyCounted);
        var open = new List<BatchAggregate>();
        foreach (var aggregate in _aggregates)
        {
            if (accounted.TryGetValue(aggregate.ToKey(), out var cutoff)) _replayed.Add((aggregate.KeyUtf8, Encoding.UTF8.GetBytes(cutoff)));
            else open.Add(aggregate);
        }

        return open;
    }

    private async Task CutOffAsync(BatchSettlement settlement, CancellationToken cancellationToken)
    {
        await settlement.SetCutoffsAsync(_folds.Aggregates, _replayed, cancellationToken).ConfigureAwait(false);
        var withEvents = _replayed.Count + _folds.Aggregates.Count(aggregate => aggregate.Cutoff is not null);
        await report.StepAsync(
            "cutoff-batch", entry => entry with { Count = _aggregates.Count, WithEvents = withEvents }, cancellationToken).ConfigureAwait(false);
    }

    private async Task StoreAsync(CancellationToken cancellationToken)
    {
        await _folds.StoreAsync(cancellationToken).ConfigureAwait(false);
        await report.StepAsync(
            "replay-batch",
            entry => entry with
            {
                Count = _folds.Aggregates.Count(aggregate => aggregate.Cutoff is not null),
                EventsProcessed = report.EventsProcessed,
                DurationMs = Elapsed(_loadStarted),
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes the markers of each aggregate as soon as replay and live handlers agree on it.</summary>
    private async Task<int> UnmarkAsync(BatchSettlement settlement, CancellationToken cancellationToken)
    {
        var count = _replayed.Count;
        await CompleteAsync(_replayed.Select(aggregate => aggregate.Key), cancellationToken).ConfigureAwait(false);
        await settlement.ReleaseAsync(
            async (settled, token) =>
            {
                // One whose events are gone from the log is not replayed, only left alone again.
                var gone = settled.Where(aggregate => aggregate.Cutoff is null).Select(aggregate => (RedisValue)aggregate.KeyUtf8).ToList();
                if (gone.Count > 0) await context.Faults.CallAsync(Server.Redis, "Removing markers", retry => context.Markers.RemoveAsync(gone, retry), token).ConfigureAwait(false);

                await CompleteAsync(settled.Where(aggregate => aggregate.Cutoff is not null).Select(aggregate => aggregate.KeyUtf8), token).ConfigureAwait(false);
                count += settled.Count - gone.Count;
            },
            cancellationToken).ConfigureAwait(false);
        await report.StepAsync("unmark-batch", entry => entry with { Count = count }, cancellationToken).ConfigureAwait(false);
        return count - _replayed.Count;
    }

    private Task CompleteAsync(IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken) => context.Faults.CallAsync(
        Server.Redis, "Removing markers", token => context.Markers.CompleteAsync(keys.Select(key => (RedisValue)key), token), cancellationToken);

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
        report.Enter(phase);
        var probe = context.Options.Probe;
        if (probe is not null) await probe(new ReplayBoundary(number, phase, IsBefore: true), cancellationToken).ConfigureAwait(false);
        var started = context.TimeProvider.GetTimestamp();
        var result = await work(cancellationToken).ConfigureAwait(false);
        context.Reporter.Debug(string.Create(CultureInfo.InvariantCulture, $"Batch {number}: {phase} took {Elapsed(started):N0} ms."));
        if (probe is not null) await probe(new ReplayBoundary(number, phase, IsBefore: false), cancellationToken).ConfigureAwait(false);
        return result;
    }

    private long Elapsed(long started) => (long)context.TimeProvider.GetElapsedTime(started).TotalMilliseconds;
}

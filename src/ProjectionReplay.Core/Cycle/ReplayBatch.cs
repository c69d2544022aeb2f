using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using StackExchange.Redis;

namespace ProjectionReplay.Cycle;

/// <summary>
/// One batch of aggregates on its way through the cycle: load, mark, drain, catch up, cutoff, settle, store, unmark. Its
/// states are written in one go after the last event was folded, and its markers go after the write is durable.
/// </summary>
/// <remarks>
/// It is loaded before its aggregates are marked, so that live events wait as short as can be, and one query may go on
/// through many batches. What has come in by the time that no live job is at work any more is folded then. Only after that
/// are cutoffs set: while an aggregate is pending nobody skips its events, so the last event that was folded is as good a
/// boundary as any, it needs no query of its own, and a load that fails has made live handlers skip nothing.
/// </remarks>
/// <param name="context">What the batches of the run share.</param>
/// <param name="place">Where the batch stands in the plan.</param>
/// <param name="number">The batch, counted from 1.</param>
/// <param name="report">Tells of it.</param>
internal sealed class ReplayBatch(BatchContext context, BatchPlace place, int number, BatchReport report)
{
    private const string AlreadyCounted =
        "Some aggregates were counted by an earlier replay, as the table projection_replay_ledger says: "
            + "they are skipped, and nothing is counted twice.";

    private readonly BatchFolds _folds = new(context, report);
    private TimeSpan _loadTime;
    private bool _isMarked;
    private bool _isStored;

    /// <summary>
    /// Whether counts were stored whose late events nobody has looked for: live handlers may have skipped some, and no later run
    /// counts them.
    /// </summary>
    public bool HasUnsettledCounts =>
        _isStored && _isMarked && Settlement.HasBusy && context.Definition.ReplaySafety == ReplaySafety.Increment;

    /// <summary>The batch, counted from 1.</summary>
    public int Number => number;

    /// <summary>The key strings, UTF-8, of the aggregates that may be marked.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Keys => _isMarked ? AllKeys : [];

    private IEnumerable<ReadOnlyMemory<byte>> AllKeys =>
        _folds.Aggregates.Select(aggregate => aggregate.KeyUtf8);

    private BatchSettlement Settlement => field ??= new BatchSettlement(context, number, _folds);

    private int Count => _folds.Aggregates.Count;

    /// <summary>Reads and folds the events of the aggregates.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => PhaseAsync(ReplayPhase.Load, LoadCoreAsync, cancellationToken);

    /// <summary>Takes the aggregates over from the live handlers, and settles with them who folds what.</summary>
    public async Task TakeOverAsync(CancellationToken cancellationToken)
    {
        await PhaseAsync(ReplayPhase.Mark, MarkAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Drain, DrainAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.CatchUp, CatchUpAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Cutoff, CutOffAsync, cancellationToken).ConfigureAwait(false);
        await PhaseAsync(ReplayPhase.Settle, Settlement.MeetJobsAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stores what the folds came to, and gives the aggregates back.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    public async Task<int> FinishAsync(CancellationToken cancellationToken)
    {
        await PhaseAsync(ReplayPhase.Store, StoreAsync, cancellationToken).ConfigureAwait(false);
        return await PhaseAsync(ReplayPhase.Unmark, UnmarkAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The aggregates of the batch's ranges, without those that an interrupted run completed.</summary>
    private async Task<List<BatchAggregate>> ListAsync(CancellationToken cancellationToken)
    {
        var listed = await place.Batch.ListAsync(
            context.EventLog, context.Selection, cancellationToken).ConfigureAwait(false);
        context.Tally.Load(place.Batch.AggregateCount, listed.Count);
        if (!context.IsResuming || listed.Count == 0) return listed;
        var completed = await context.Markers.FindCompletedAsync(
            listed.ConvertAll(aggregate => (RedisValue)aggregate.KeyUtf8), cancellationToken).ConfigureAwait(false);
        context.Tally.Complete(completed.Count(isCompleted => isCompleted));
        return [.. listed.Where((_, index) => !completed[index])];
    }

    private async Task MarkAsync(CancellationToken cancellationToken)
    {
        _isMarked = true;
        await context.Markers.MarkPendingAsync(AllKeys.Select(key => (RedisValue)key), cancellationToken).ConfigureAwait(false);
        await report.StepAsync("mark-batch", entry => entry with { Count = Count }, cancellationToken).ConfigureAwait(false);
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        await Settlement.DrainAsync(AllKeys, cancellationToken).ConfigureAwait(false);
        await report.StepAsync(
            "drain-batch", entry => entry with { Count = Count, DurationMs = Elapsed(started) }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Reads and folds. An aggregate that an earlier replay accounts for is neither loaded nor marked: what came after that
    /// replay is the live handlers', who counted it or are going to.
    /// </summary>
    private async Task LoadCoreAsync(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        report.EventCount = place.Batch.EventCount;
        if (place.Ahead is { } ahead)
        {
            await _folds.ReadAsync(ahead, place.Index, cancellationToken).ConfigureAwait(false);
            context.Tally.Load(place.Batch.AggregateCount, Count);
        }
        else
        {
            var listed = await ListAsync(cancellationToken).ConfigureAwait(false);
            report.EventCount = listed.Sum(aggregate => aggregate.RowsSeen);
            var open = context.Definition.ReplaySafety == ReplaySafety.Increment && !context.IsSettling
                ? await SetReplayedAsideAsync(listed, cancellationToken).ConfigureAwait(false)
                : listed;
            await _folds.LoadAsync(open, cancellationToken).ConfigureAwait(false);
        }

        _loadTime = context.TimeProvider.GetElapsedTime(started);
    }

    /// <summary>
    /// What was stored is overwritten, so that it must not be older than what live handlers have stored meanwhile. Counters are
    /// added to: there what has come in since is the live handlers', like all that comes later.
    /// </summary>
    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        await context.PauseAsync(number, DelicateMoment.BeforeLateEvents, cancellationToken).ConfigureAwait(false);
        if (context.Definition.ReplaySafety == ReplaySafety.LatestRow)
        {
            var count = await _folds.CatchUpAsync(cancellationToken).ConfigureAwait(false);
            if (count > 0)
            {
                context.Reporter.Verbose(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Batch {number}: {count:N0} aggregates got events since they were read; they were folded again."));
            }

            if (context.HasHistory) await LeavePoorerAloneAsync(cancellationToken).ConfigureAwait(false);
        }

        await context.PauseAsync(number, DelicateMoment.AfterLateEvents, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives those aggregates back whose stored rows know of events that the log has lost. Not before: what live handlers fold
    /// stands in the log, but may have come to it after the load, so that a row would look richer than it is. As nothing has a
    /// cutoff yet they have skipped nothing.
    /// </summary>
    private async Task LeavePoorerAloneAsync(CancellationToken cancellationToken)
    {
        var poorer = await _folds.FindPoorerAsync(cancellationToken).ConfigureAwait(false);
        if (poorer.Count == 0) return;
        await context.Markers.RemoveAsync(
            poorer.Select(aggregate => (RedisValue)aggregate.KeyUtf8), cancellationToken).ConfigureAwait(false);
        context.Tally.KeepRows(poorer.Count, poorer[0].ToKey());
        const int Most = 1_000;
        context.Reporter.Verbose(
            $"Batch {number}: left as they are: {string.Join(", ", poorer.Take(Most).Select(aggregate => aggregate.ToKey().AggregateId))}"
                + $"{(poorer.Count > Most ? " and more" : "")}.");
        _folds.Forget(poorer);
    }

    private async Task<List<BatchAggregate>> SetReplayedAsideAsync(List<BatchAggregate> listed, CancellationToken cancellationToken)
    {
        var accounted = await context.Projection.FindReplayedAsync(
            [.. listed.Select(aggregate => aggregate.ToKey())], cancellationToken).ConfigureAwait(false);
        if (accounted.Count == 0) return listed;

        context.Reporter.Warn(AlreadyCounted);
        context.Tally.Account(accounted.Count);
        return [.. listed.Where(aggregate => !accounted.ContainsKey(aggregate.ToKey()))];
    }

    private async Task CutOffAsync(CancellationToken cancellationToken)
    {
        await Settlement.SetCutoffsAsync(cancellationToken).ConfigureAwait(false);
        var withEvents = _folds.Aggregates.Count(aggregate => aggregate.Cutoff is not null);
        await report.StepAsync(
            "cutoff-batch", entry => entry with { Count = Count, WithEvents = withEvents }, cancellationToken).ConfigureAwait(false);
    }

    private async Task StoreAsync(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        _isStored = true;
        await _folds.StoreAsync(cancellationToken).ConfigureAwait(false);
        await report.StepAsync(
            "replay-batch",
            entry => entry with
            {
                Count = _folds.Aggregates.Count(aggregate => aggregate.Cutoff is not null),
                EventsProcessed = report.EventsProcessed,
                DurationMs = (long)_loadTime.TotalMilliseconds + Elapsed(started),
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes the markers of each aggregate as soon as replay and live handlers agree on it.</summary>
    private async Task<int> UnmarkAsync(CancellationToken cancellationToken)
    {
        var count = 0;
        await Settlement.ReleaseAsync(
            async (settled, token) =>
            {
                // One whose events are gone from the log is not replayed, only left alone again.
                var gone = settled.Where(aggregate => aggregate.Cutoff is null).Select(aggregate => (RedisValue)aggregate.KeyUtf8).ToList();
                if (gone.Count > 0) await context.Markers.RemoveAsync(gone, token).ConfigureAwait(false);
                await CompleteAsync(
                    [.. settled.Where(aggregate => aggregate.Cutoff is not null).Select(aggregate => aggregate.KeyUtf8)],
                    token).ConfigureAwait(false);
                count += settled.Count - gone.Count;
                context.Tally.Lose(gone.Count);
            },
            cancellationToken).ConfigureAwait(false);
        await report.StepAsync("unmark-batch", entry => entry with { Count = count }, cancellationToken).ConfigureAwait(false);

        // From here on none of it is marked, whatever becomes of the batches behind.
        _isMarked = false;
        _folds.Release();
        return count;
    }

    private async Task CompleteAsync(List<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        if (keys.Count == 0) return;
        var removed = await context.Markers.CompleteAsync(
            keys.Select(key => (RedisValue)key), cancellationToken).ConfigureAwait(false);

        // Of two that share a key one is counted.
        if (removed is not { } known || known == keys.Count || !context.HasDistinctKeys) return;
        await FailForLostMarkersAsync(keys, known, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Where a marker was gone live handlers may have folded beside the replay: what is stored may lack their events.</summary>
    private async Task FailForLostMarkersAsync(
        List<ReadOnlyMemory<byte>> keys, long removed, CancellationToken cancellationToken)
    {
        await context.Markers.ForgetCompletedAsync(
            keys.Select(key => (RedisValue)key), cancellationToken).ConfigureAwait(false);
        var advice = context.Definition.ReplaySafety == ReplaySafety.Increment
            ? "Only -Rebuild makes these counters exact."
            : "Replay these aggregates once more.";
        throw new ReplayException(
            ReplayError.MarkersLost,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Of {keys.Count:N0} markers in Redis {keys.Count - removed:N0} were gone while the replay was at work: Redis failed over, "
                    + $"evicts keys, or somebody removed them. Live handlers may have folded events beside the replay. "
                    + $"{advice}"));
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
        report.Enter(phase);
        var probe = context.Options.Probe;
        if (probe is not null) await probe(new ReplayBoundary(number, phase, IsBefore: true), cancellationToken).ConfigureAwait(false);
        var started = context.TimeProvider.GetTimestamp();

        // A load holds up nobody, unless all was marked before.
        var isUnhurried = phase == ReplayPhase.Load && !context.Request.IsRebuild && !context.IsSettling;
        var result = isUnhurried
            ? await work(cancellationToken).ConfigureAwait(false)
            : await WithinDeadlineAsync(phase, work, cancellationToken).ConfigureAwait(false);
        context.Reporter.Debug(string.Create(CultureInfo.InvariantCulture, $"Batch {number}: {phase} took {Elapsed(started):N0} ms."));
        if (probe is not null) await probe(new ReplayBoundary(number, phase, IsBefore: false), cancellationToken).ConfigureAwait(false);
        return result;
    }

    /// <summary>While aggregates are marked their live events wait: so no phase may take for ever, whatever servers do.</summary>
    private async Task<T> WithinDeadlineAsync<T>(
        ReplayPhase phase, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var deadline = context.Options.DeadlineOfPhase(
            place.Batch.AggregateCount, phase == ReplayPhase.Load ? place.Batch.EventCount : 0);
        return await PhaseDeadline.KeepAsync($"Phase {phase}", deadline, work, cancellationToken).ConfigureAwait(false);
    }

    private long Elapsed(long started) => (long)context.TimeProvider.GetElapsedTime(started).TotalMilliseconds;
}

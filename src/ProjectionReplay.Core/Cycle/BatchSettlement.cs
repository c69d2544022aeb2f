using System.Globalization;
using System.Text;
using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using StackExchange.Redis;

namespace ProjectionReplay.Cycle;

/// <summary>
/// Brings a batch and the live handlers to agree on who folds what. As long as an aggregate is pending nobody skips its
/// events: a live handler that has nothing before it finds, when the marker is gone, what it would have found without a
/// replay. So only those aggregates get a cutoff that a live job is there for, as the job may be for an event that the
/// replay has folded: staged, put off while its aggregate was pending, or about to be staged. It would fold the event
/// again, and so it is waited for until it has met the cutoff, and skipped.
/// <para>
/// Where there is a cutoff an event may come in late: its id is at or before the cutoff, but it reached the log after it was
/// looked at, and the live handlers skip it. So the cutoffs are taken back to pending first, and then the log is looked at.
/// An aggregate with late events is folded again, to the end of its log: the late job may be queued behind one for a later
/// event, and only when both are folded are both skipped. An event that comes in after the look is put off, and is the live
/// handlers' when the marker is gone.
/// </para>
/// </summary>
internal sealed class BatchSettlement(BatchContext context, int number, BatchFolds folds)
{
    /// <summary>
    /// Looks for late events that are made at least: one look may take as long as jobs take to be tried, and says nothing then of
    /// whether such events keep coming.
    /// </summary>
    private const int FewestLooks = 5;

    private HashSet<ReadOnlyMemory<byte>> _hadJobs = [];
    private List<BatchAggregate> _busy = [];

    /// <summary>Whether any aggregate has a cutoff.</summary>
    public bool HasBusy => _busy.Count > 0;

    /// <summary>
    /// Waits until no job is at work that was before the aggregates were marked. Looks for staged ones on the way, so that
    /// few aggregates have to be looked at again.
    /// </summary>
    /// <param name="keys">The aggregates' key strings, UTF-8.</param>
    /// <param name="cancellationToken">Abandons the wait.</param>
    /// <exception cref="ReplayException">Some jobs did not end.</exception>
    public async Task DrainAsync(IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        var snapshots = await context.StagedJobs.SnapshotAsync(keys, cancellationToken).ConfigureAwait(false);
        _hadJobs = [.. snapshots.Select(snapshot => snapshot.Key)];
        await DrainActiveAsync(_hadJobs, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lets live handlers skip what was folded of those aggregates that they have jobs for.</summary>
    public async Task SetCutoffsAsync(CancellationToken cancellationToken)
    {
        _busy = await FindBusyAsync(folds.Aggregates, cancellationToken).ConfigureAwait(false);
        await SetCutoffsAsync(
            _busy.Select(aggregate => (aggregate.KeyUtf8, aggregate.Cutoff!.Value)), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until every live job for an event that was folded has met its cutoff.</summary>
    /// <exception cref="ReplayException">Workers are at work, but some jobs are not tried again.</exception>
    public Task MeetJobsAsync(CancellationToken cancellationToken) => MeetJobsAsync(_busy, cancellationToken);

    /// <summary>Gives the aggregates back, each as soon as nothing late is left of it.</summary>
    /// <param name="release">Unmarks aggregates.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task ReleaseAsync(
        Func<IReadOnlyList<BatchAggregate>, CancellationToken, Task> release, CancellationToken cancellationToken)
    {
        var isBusy = _busy.ToHashSet();
        await release(
            isBusy.Count == 0 ? folds.Aggregates : [.. folds.Aggregates.Where(aggregate => !isBusy.Contains(aggregate))],
            cancellationToken).ConfigureAwait(false);

        var started = context.TimeProvider.GetTimestamp();
        var open = _busy;
        for (var look = 1; open.Count > 0; look++)
        {
            await context.Markers.MarkPendingAsync(
                open.Select(aggregate => (RedisValue)aggregate.KeyUtf8), cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(number, DelicateMoment.BeforeLateEvents, cancellationToken).ConfigureAwait(false);
            var late = await folds.FindLateAsync(open, cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(number, DelicateMoment.AfterLateEvents, cancellationToken).ConfigureAwait(false);
            if (late.Count > 0 && look >= FewestLooks && context.TimeProvider.GetElapsedTime(started) > context.Options.DrainTimeout)
            {
                WarnOfLateness(late);
                late = [];
            }

            var isLate = late.ToHashSet();
            await release(
                late.Count == 0 ? open : [.. open.Where(aggregate => !isLate.Contains(aggregate))],
                cancellationToken).ConfigureAwait(false);
            if (late.Count > 0) await TakeOverAsync(late, cancellationToken).ConfigureAwait(false);
            open = late;
        }
    }

    private async Task TakeOverAsync(List<BatchAggregate> late, CancellationToken cancellationToken)
    {
        context.Reporter.Verbose(string.Create(
            CultureInfo.InvariantCulture,
            $"Batch {number}: events of {late.Count:N0} aggregates came in late; folding those aggregates again."));
        var again = await folds.FoldAgainAsync(late, cancellationToken).ConfigureAwait(false);
        await SetCutoffsAsync(
            late.Select(aggregate => (aggregate.KeyUtf8, aggregate.Cutoff!.Value)), cancellationToken).ConfigureAwait(false);
        await LetJobsBeStagedAsync(late, cancellationToken).ConfigureAwait(false);
        await MeetJobsAsync(late, cancellationToken).ConfigureAwait(false);
        await folds.StoreAsync(again, cancellationToken).ConfigureAwait(false);
    }

    private Task SetCutoffsAsync(
        IEnumerable<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Cutoff)> cutoffs, CancellationToken cancellationToken) =>
        context.Markers.SetCutoffsAsync(cutoffs.Select(cutoff => new HashEntry(cutoff.Key, cutoff.Cutoff)), cancellationToken);

    /// <summary>
    /// Those of the aggregates that a live job is staged or at work for. Of most nobody has to ask: no job was there when they
    /// were marked, and those for what was folded had all been staged by then.
    /// </summary>
    private async Task<List<BatchAggregate>> FindBusyAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        await LetJobsBeStagedAsync(aggregates, cancellationToken).ConfigureAwait(false);
        var open = aggregates.Where(
            aggregate => aggregate.Cutoff is not null && (aggregate.IsFresh || aggregate.HasGrown || _hadJobs.Contains(aggregate.KeyUtf8)));
        var busy = await context.StagedJobs.SnapshotAsync(
            open.Select(aggregate => aggregate.KeyUtf8), cancellationToken).ConfigureAwait(false);
        if (busy.Count == 0) return [];
        var keys = busy.Select(snapshot => snapshot.Key).ToHashSet();
        return [.. aggregates.Where(aggregate => keys.Contains(aggregate.KeyUtf8))];
    }

    private async Task MeetJobsAsync(List<BatchAggregate> busy, CancellationToken cancellationToken)
    {
        if (busy.Count == 0) return;

        // A job that is at work may have asked before the cutoff stood: it meets it when it is tried again.
        var keys = busy.Select(aggregate => aggregate.KeyUtf8).ToList();
        await DrainActiveAsync(keys, cancellationToken).ConfigureAwait(false);
        var snapshots = await context.StagedJobs.SnapshotAsync(keys, cancellationToken).ConfigureAwait(false);
        await WaitForAsync(snapshots, cancellationToken).ConfigureAwait(false);
    }

    private async Task DrainActiveAsync(IReadOnlyCollection<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        if (keys.Count == 0) return;
        var stuck = await context.Drain.WaitAsync(keys, context.Options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
    }

    /// <summary>The job of an event that had only just been inserted when it was read is staged a moment later.</summary>
    private Task LetJobsBeStagedAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        if (!aggregates.Any(aggregate => aggregate.IsFresh)) return Task.CompletedTask;
        var left = context.Options.StagingGrace - context.TimeProvider.GetElapsedTime(folds.ReadAt);
        return left > TimeSpan.Zero ? Task.Delay(left, context.TimeProvider, cancellationToken) : Task.CompletedTask;
    }

    private void WarnOfLateness(List<BatchAggregate> late) => context.Reporter.Warn(string.Create(
        CultureInfo.InvariantCulture,
        $"Events of {late.Count:N0} aggregates, for example of '{late[0].ToKey()}', kept coming in late, "
            + $"so that some may be missing from their states. Replay once more at a quieter time."));

    private async Task WaitForAsync(List<JobSnapshot> busy, CancellationToken cancellationToken)
    {
        var (stuck, anyTried) = await context.StagedJobs.WaitAsync(
            busy, context.Options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        if (stuck.Count == 0) return;
        if (anyTried)
        {
            throw DrainFailure.Create(context, stuck.ConvertAll(snapshot => snapshot.Key), "were staged or deferred were not tried again");
        }

        // No worker is at work, or those jobs are put off for longer: to wait any longer is of no use.
        context.Reporter.Verbose(string.Create(
            CultureInfo.InvariantCulture,
            $"Batch {number}: staged jobs of {stuck.Count:N0} aggregates, for example of '{Encoding.UTF8.GetString(stuck[0].Key.Span)}', "
                + $"were not tried."));
        context.Reporter.Warn(string.Create(
            CultureInfo.InvariantCulture,
            $"Jobs of queue {context.Definition.QueueName} are staged, but were not tried within -DrainTimeout "
                + $"({context.Options.DrainTimeout.TotalSeconds:0.###} s): no worker takes them up, or they are put off for longer. "
                + $"Those for events that this replay folds will be folded a second time when they are tried: "
                + $"replay once more then; or start the workers, or give a longer -DrainTimeout, before."));
    }
}

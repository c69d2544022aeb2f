using System.Globalization;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;

namespace ProjectionReplay.Replay;

/// <summary>
/// Brings a batch and the live handlers to agree on who folds what, before its markers go. Two things may stand
/// against it. An event came in late: its id is at or before the cutoff, but it reached the log after the load, and the
/// live handlers skipped it. Or a job is still staged for an event that the replay has folded: the live handlers put
/// it off while the aggregate was pending, and would fold it again once the marker is gone. In both cases the replay
/// takes over all that the aggregate's log holds by now, moves the cutoff there, and waits until the jobs that were
/// staged before have met it; and so on until nothing is left.
/// </summary>
internal sealed class BatchSettlement(BatchContext context, int number, BatchFolds folds)
{
    /// <summary>Rounds before anything is stored: what is left then is settled afterwards.</summary>
    private const int Rounds = 3;

    /// <summary>
    /// Settles what can be settled before anything is stored, so that a batch that fails here has changed nothing.
    /// </summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        for (var round = 1; round <= Rounds; round++)
        {
            var busy = await SnapshotAsync(folds.Aggregates, cancellationToken).ConfigureAwait(false);
            if (busy.Count == 0) return;
            await TakeOverAsync(busy, [], isStored: false, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Settles what came up while the states were written, and gives each aggregate back as soon as it is settled. What
    /// is folded again is written again.
    /// </summary>
    /// <param name="release">Unmarks aggregates.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task ReleaseAsync(Func<List<AggregateKey>, CancellationToken, Task> release, CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var open = folds.Aggregates;
        while (open.Count > 0)
        {
            // First the log, then the queue: the job of an event that has stood in the log for a while is staged.
            var (grown, ages) = await folds.InspectAsync(open, cancellationToken).ConfigureAwait(false);
            var busy = await SnapshotAsync(open, cancellationToken).ConfigureAwait(false);
            var grace = context.Reporter.AreWorkersIdle ? TimeSpan.Zero : context.Options.StagingGrace;
            var unsettled = busy.Select(snapshot => snapshot.Aggregate).Concat(grown).ToHashSet();
            if (grown.Count == 0 && context.TimeProvider.GetElapsedTime(started) > context.Options.DrainTimeout)
            {
                WarnOfNoPause(open);
                (unsettled, grace) = ([], TimeSpan.Zero);
            }

            List<AggregateKey> settled = [.. open.Where(aggregate => !unsettled.Contains(aggregate) && ages[aggregate] >= grace)];
            if (settled.Count > 0) await release(settled, cancellationToken).ConfigureAwait(false);
            open = [.. open.Except(settled)];
            if (unsettled.Count > 0) await TakeOverAsync(busy, [.. grown], isStored: true, cancellationToken).ConfigureAwait(false);
            else if (open.Count > 0) await Task.Delay(grace - open.Max(aggregate => ages[aggregate]), context.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task<List<JobSnapshot>> SnapshotAsync(IReadOnlyList<AggregateKey> aggregates, CancellationToken cancellationToken) => context.Reporter.AreWorkersIdle
        ? Task.FromResult<List<JobSnapshot>>([])
        : context.Faults.CallAsync(
            Server.Redis, "Looking for staged jobs", token => context.StagedJobs.SnapshotAsync(aggregates, token), cancellationToken);

    private void WarnOfNoPause(IReadOnlyList<AggregateKey> open) => context.Reporter.Warn(string.Create(
        CultureInfo.InvariantCulture,
        $"Events of {open.Count:N0} aggregates, for example of '{open[0]}', kept coming in without a pause, so that a job may have been staged too late to be seen, and its event be folded twice. Replay once more at a quieter time."));

    private async Task TakeOverAsync(
        List<JobSnapshot> busy, List<AggregateKey> late, bool isStored, CancellationToken cancellationToken)
    {
        // The jobs were looked at first: whatever they are for was in the log by then, so it is up to the new cutoff.
        var aggregates = busy.Select(snapshot => snapshot.Aggregate).Union(late).ToList();
        context.Reporter.Verbose(string.Create(
            CultureInfo.InvariantCulture,
            $"Batch {number}: taking over the latest events of {aggregates.Count:N0} aggregates ({late.Count:N0} with events that came in late, {busy.Count:N0} with staged jobs)."));
        var cutoffs = await folds.FoldAgainAsync(aggregates, isStored, cancellationToken).ConfigureAwait(false);
        await context.Faults.CallAsync(
            Server.Redis, "Setting cutoffs", token => context.Markers.SetCutoffsAsync(cutoffs, token), cancellationToken).ConfigureAwait(false);
        await WaitForAsync(busy, cancellationToken).ConfigureAwait(false);
    }

    private async Task WaitForAsync(List<JobSnapshot> busy, CancellationToken cancellationToken)
    {
        if (busy.Count == 0) return;
        var (stuck, anyTried) = await context.Faults.CallAsync(
            Server.Redis,
            "Watching staged jobs",
            token => context.StagedJobs.WaitAsync(busy, context.Options.DrainTimeout, token),
            cancellationToken).ConfigureAwait(false);
        if (stuck.Count == 0) return;
        if (anyTried)
        {
            throw DrainFailure.Create(context, [.. stuck.Select(snapshot => snapshot.Aggregate)], "were staged or deferred were not tried again");
        }

        // Nobody is at work on the queue, so that waiting any longer, in this batch or another, is of no use.
        context.Reporter.AreWorkersIdle = true;
        context.Reporter.Warn(
            $"Jobs of queue {context.Definition.QueueName} are staged, but no worker takes them up. Those for events that this replay folds will be folded a second time when the workers are back: replay once more then, or start the workers before.");
    }
}

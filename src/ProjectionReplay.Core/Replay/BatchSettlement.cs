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
    /// <summary>
    /// An aggregate that gets events all the time never has an empty queue, nor a last event of some age. After so many
    /// rounds it is enough that the jobs staged before the last cutoff have met it: what is staged now is for later
    /// events.
    /// </summary>
    private const int Rounds = 5;


    /// <summary>Settles what can be settled before anything is stored, so that a batch that fails here has changed nothing.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        for (var round = 1; round <= Rounds; round++)
        {
            var busy = await SnapshotAsync(cancellationToken).ConfigureAwait(false);
            if (busy.Count == 0) return;
            await TakeOverAsync(busy, [], isStored: false, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Settles what came up while the states were written; what is folded again is written again.</summary>
    public async Task SettleStoredAsync(CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            // First the log, then the queue: the job of an event that has stood in the log for a while is staged.
            var (late, age) = await folds.FindGrownAsync(cancellationToken).ConfigureAwait(false);
            var busy = await SnapshotAsync(cancellationToken).ConfigureAwait(false);
            var grace = context.Reporter.AreWorkersIdle ? TimeSpan.Zero : context.Options.StagingGrace;
            if (late.Count == 0 && round > Rounds) return;
            if (late.Count > 0 || busy.Count > 0) await TakeOverAsync(busy, late, isStored: true, cancellationToken).ConfigureAwait(false);
            else if (age < grace) await Task.Delay(grace - age, context.TimeProvider, cancellationToken).ConfigureAwait(false);
            else return;
        }
    }

    private Task<List<JobSnapshot>> SnapshotAsync(CancellationToken cancellationToken) => context.Reporter.AreWorkersIdle
        ? Task.FromResult<List<JobSnapshot>>([])
        : context.Faults.CallAsync(
            Server.Redis, "Looking for staged jobs", token => context.StagedJobs.SnapshotAsync(folds.Aggregates, token), cancellationToken);

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

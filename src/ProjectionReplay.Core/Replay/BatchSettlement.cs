using System.Globalization;
using ProjectionReplay.Coordination;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// Brings a batch and the live handlers to agree on who folds what. Two things may stand against it.
/// <list type="bullet">
/// <item>A live job is still to come for an event that the replay has folded: staged, put off while its aggregate was
/// pending, or about to be staged. Once the marker is gone it would fold the event again. So every job that is there
/// when the cutoffs stand is waited for until it has met them.</item>
/// <item>An event comes in late: its id is at or before the cutoff, but it reached the log after the load, and the live
/// handlers skip it. So the cutoffs are taken back to pending first, which nobody skips by, and then the log is looked
/// at. An aggregate with late events is folded again, to the end of its log: the late job may be queued behind one for
/// a later event, and only when both are folded are both skipped. An event that comes in after the look is put off, and
/// is the live handlers' when the marker is gone.</item>
/// </list>
/// </summary>
internal sealed class BatchSettlement(BatchContext context, int number, BatchFolds folds)
{
    /// <summary>Lets live handlers skip what was folded.</summary>
    /// <param name="aggregates">Aggregates that were folded.</param>
    /// <param name="replayed">Key strings, UTF-8, and cutoffs of others, which an earlier replay accounts for.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public Task SetCutoffsAsync(
        IReadOnlyList<BatchAggregate> aggregates, IEnumerable<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Cutoff)> replayed, CancellationToken cancellationToken) =>
        context.Faults.CallAsync(
            Server.Redis,
            "Setting cutoffs",
            token => context.Markers.SetCutoffsAsync(
                aggregates.Where(aggregate => aggregate.Cutoff is not null).Select(aggregate => (Key: aggregate.KeyUtf8, Cutoff: aggregate.Cutoff!.Value))
                    .Concat(replayed)
                    .Select(cutoff => new HashEntry(cutoff.Key, cutoff.Cutoff)),
                token),
            cancellationToken);

    /// <summary>
    /// Waits until every live job for an event that was folded has met its cutoff, which must be set.
    /// </summary>
    /// <exception cref="ReplayException">Workers are at work, but some jobs are not tried again.</exception>
    public async Task MeetJobsAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        if (context.Reporter.AreWorkersIdle) return;
        if (aggregates.Any(aggregate => aggregate.IsFresh)) await LetJobsBeStagedAsync(cancellationToken).ConfigureAwait(false);

        var busy = await SnapshotAsync(aggregates.Where(aggregate => aggregate.Cutoff is not null).Select(aggregate => aggregate.KeyUtf8), cancellationToken).ConfigureAwait(false);
        if (busy.Count == 0) return;

        // A job that is at work may have asked before the cutoff stood: it meets it when it is tried again.
        var keys = busy.ConvertAll(snapshot => snapshot.Key);
        var stuck = await context.Faults.CallAsync(
            Server.Redis, "Watching jobs in flight", token => context.Drain.WaitAsync(keys, context.Options.DrainTimeout, token), cancellationToken).ConfigureAwait(false);
        if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
        await WaitForAsync(await SnapshotAsync(keys, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives the aggregates back, each as soon as nothing late is left of it.</summary>
    /// <param name="release">Unmarks aggregates.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task ReleaseAsync(Func<IReadOnlyList<BatchAggregate>, CancellationToken, Task> release, CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var open = folds.Aggregates;
        while (open.Count > 0)
        {
            await context.Faults.CallAsync(
                Server.Redis,
                "Setting markers",
                token => context.Markers.MarkPendingAsync(open.Where(aggregate => aggregate.Cutoff is not null).Select(aggregate => (RedisValue)aggregate.KeyUtf8), token),
                cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(number, DelicateMoment.BeforeLateEvents, cancellationToken).ConfigureAwait(false);
            var late = await folds.FindGrownAsync(open, cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(number, DelicateMoment.AfterLateEvents, cancellationToken).ConfigureAwait(false);
            if (late.Count > 0 && context.TimeProvider.GetElapsedTime(started) > context.Options.DrainTimeout)
            {
                WarnOfLateness(late);
                late = [];
            }

            var isLate = late.ToHashSet();
            await release(late.Count == 0 ? open : [.. open.Where(aggregate => !isLate.Contains(aggregate))], cancellationToken).ConfigureAwait(false);
            if (late.Count > 0) await TakeOverAsync(late, cancellationToken).ConfigureAwait(false);
            open = late;
        }
    }

    private async Task TakeOverAsync(List<BatchAggregate> late, CancellationToken cancellationToken)
    {
        context.Reporter.Verbose(string.Create(
            CultureInfo.InvariantCulture, $"Batch {number}: events of {late.Count:N0} aggregates came in late; folding those aggregates again."));
        var again = await folds.FoldAgainAsync(late, cancellationToken).ConfigureAwait(false);
        await SetCutoffsAsync(late, [], cancellationToken).ConfigureAwait(false);
        await MeetJobsAsync(late, cancellationToken).ConfigureAwait(false);
        await folds.StoreAsync(again, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The job of an event that had only just been inserted when it was read is staged a moment later.</summary>
    private Task LetJobsBeStagedAsync(CancellationToken cancellationToken)
    {
        var left = context.Options.StagingGrace - context.TimeProvider.GetElapsedTime(folds.ReadAt);
        return left > TimeSpan.Zero ? Task.Delay(left, context.TimeProvider, cancellationToken) : Task.CompletedTask;
    }

    private Task<List<JobSnapshot>> SnapshotAsync(IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken) => context.Faults.CallAsync(
        Server.Redis, "Looking for staged jobs", token => context.StagedJobs.SnapshotAsync(keys, token), cancellationToken);

    private void WarnOfLateness(List<BatchAggregate> late) => context.Reporter.Warn(string.Create(
        CultureInfo.InvariantCulture,
        $"Events of {late.Count:N0} aggregates, for example of '{late[0].ToKey()}', kept coming in late, so that some may be missing from their states. Replay once more at a quieter time."));

    private async Task WaitForAsync(List<JobSnapshot> busy, CancellationToken cancellationToken)
    {
        var (stuck, anyTried) = await context.Faults.CallAsync(
            Server.Redis,
            "Watching staged jobs",
            token => context.StagedJobs.WaitAsync(busy, context.Options.DrainTimeout, token),
            cancellationToken).ConfigureAwait(false);
        if (stuck.Count == 0) return;
        if (anyTried)
        {
            throw DrainFailure.Create(context, stuck.ConvertAll(snapshot => snapshot.Key), "were staged or deferred were not tried again");
        }

        // Nobody is at work on the queue, so that waiting any longer, in this batch or another, is of no use.
        context.Reporter.AreWorkersIdle = true;
        context.Reporter.Warn(
            $"Jobs of queue {context.Definition.QueueName} are staged, but no worker takes them up. Those for events that this replay folds will be folded a second time when the workers are back: replay once more then, or start the workers before.");
    }
}

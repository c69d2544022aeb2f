using ProjectionReplay.Coordination;
using StackExchange.Redis;

namespace LiveWorker;

/// <summary>
/// Takes jobs from a queue, one at a time, and does what the gate says. Start as many as there is work for, in one
/// process or in many.
/// </summary>
/// <param name="queue">The queue.</param>
/// <param name="gate">The gate of the projection that the events are folded into.</param>
/// <param name="fold">Folds an event into what is stored: durable when the task completes.</param>
public sealed class GroupWorker(GroupQueue queue, LiveReplayGate gate, Func<LiveEvent, CancellationToken, Task> fold)
{
    private static readonly TimeSpan IdlePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);

    /// <summary>A replay waits for deferred jobs to be tried again before it goes on: keep this to seconds.</summary>
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(5);

    /// <summary>A fold must be over before the job comes up again, here or in another process.</summary>
    private static readonly TimeSpan FoldTimeout = GroupQueue.ActiveExpiry * 0.8;

    /// <summary>Called with each event and what was decided about it, for those who want to know.</summary>
    public Action<LiveEvent, LiveReplayDecision>? Decided { get; init; }

    /// <summary>Works until told to stop; the job in hand is finished.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var hasWorked = false;
            try
            {
                await foreach (var group in queue.GroupsAsync())
                {
                    if (stop.IsCancellationRequested) return;
                    if (await queue.DispatchAsync(group) is not { } job) continue;
                    await HandleAsync(job);
                    hasWorked = true;
                }
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
            {
                // A job in hand comes up again when its active key has expired, and is decided upon anew.
                await Console.Error.WriteLineAsync($"Redis: {exception.Message}");
            }

            if (!hasWorked) await Task.Delay(IdlePause, CancellationToken.None);
        }
    }

    private async Task HandleAsync(LiveJob job)
    {
        using var timeout = new CancellationTokenSource(FoldTimeout);

        // Asked now, when the active key is set, and acted upon at once: a replay that marks the aggregate from here on
        // sees the key and waits for the job. An answer that was kept from earlier would be worth nothing.
        var decision = await gate.DecideAsync(job.Event.Aggregate, job.Event.EventId);
        Decided?.Invoke(job.Event, decision);
        switch (decision)
        {
            case LiveReplayDecision.Process:
                await FoldAsync(job, timeout.Token);
                break;

            // The replay folds it. To fold it here as well would count it twice.
            case LiveReplayDecision.Skip:
                await queue.CompleteAsync(job);
                break;

            // The replay is at work on the aggregate and may or may not fold it: ask again later. Never wait here with
            // the job in hand, as the replay waits for the job.
            case LiveReplayDecision.Defer:
                await queue.DeferAsync(job, Backoff(job));
                break;
        }
    }

    private async Task FoldAsync(LiveJob job, CancellationToken timeout)
    {
        try
        {
            await fold(job.Event, timeout);
        }
        catch (Exception exception) when (exception is not RedisException and not RedisTimeoutException)
        {
            await Console.Error.WriteLineAsync($"{job.Event.EventId}: {exception.Message} It is tried again.");
            await queue.DeferAsync(job, Backoff(job));
            return;
        }

        // Not before the state is stored: the replay takes a job that is gone for one that is folded.
        await queue.CompleteAsync(job);
    }

    private static TimeSpan Backoff(LiveJob job)
    {
        var backoff = FirstBackoff * Math.Pow(2, Math.Min(job.Attempt, 10));
        return backoff < LongestBackoff ? backoff : LongestBackoff;
    }
}

namespace ProjectionReplay.Live;

/// <summary>
/// The clock of what works beside a live system, which promises to do things within a time. On a machine that is too busy
/// it could not keep that, and a test would prove nothing. So a wait for it does not end by the clock, but when the
/// live system has done what it had begun by then. Short waits, between two looks, are as long as they are.
/// </summary>
/// <param name="isKept">Ends when the live system has done what it had begun.</param>
internal sealed class LiveTime(Func<Task> isKept) : TimeProvider
{
    /// <summary>Longer than any pause between two looks.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(300);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime <= LongestPause || period != Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, dueTime, period);
        var timer = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _ = FireAsync();
        return timer;

        async Task FireAsync()
        {
            await isKept();

            // A moment longer, so that what renews a lock at each of them does not do so all the time. False when the wait was given up.
            timer.Change(LongestPause, Timeout.InfiniteTimeSpan);
        }
    }
}

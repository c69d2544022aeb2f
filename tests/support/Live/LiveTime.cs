namespace ProjectionReplay.Live;

/// <summary>
/// The clock of what works beside a live system, which promises to do things within a minute. On a machine that is too busy
/// it could not keep a shorter time, and a test would prove nothing. And so that nobody has to wait a minute, such a wait
/// does not end by the clock, but when the live system has done what it had begun by then. All other waits, for locks,
/// for a server to come back, between two looks, are shorter, and as long as they are.
/// </summary>
/// <param name="isKept">Ends when the live system has done what it had begun.</param>
internal sealed class LiveTime(Func<Task> isKept) : TimeProvider
{
    /// <summary>How long a live system may take.</summary>
    public static TimeSpan Promise { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Longer than any wait for something else: half a minute, to give markers back.</summary>
    private static readonly TimeSpan LongestOther = TimeSpan.FromSeconds(31);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime <= LongestOther || period != Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, dueTime, period);
        var timer = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _ = FireAsync();
        return timer;

        async Task FireAsync()
        {
            try
            {
                await isKept();
            }
            finally
            {
                // Also when the live system failed, which the test learns from it. False when the wait was given up.
                timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }
    }
}

namespace ProjectionReplay.Faults;

/// <summary>
/// A clock that tells the time but has little patience: what is to wait a minute waits a second, and what is to wait a second
/// still waits long enough for a server to answer.
/// </summary>
internal sealed class HastyTime : TimeProvider
{
    private const int Haste = 60;

    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(150);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime > Least) dueTime = dueTime / Haste > Least ? dueTime / Haste : Least;
        return base.CreateTimer(callback, state, dueTime, period);
    }
}

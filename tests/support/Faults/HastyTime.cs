namespace ProjectionReplay.Faults;

/// <summary>A clock that tells the time but has no patience: what is to wait a minute waits a second.</summary>
internal sealed class HastyTime : TimeProvider
{
    private const int Haste = 60;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / Haste : dueTime, period);
}

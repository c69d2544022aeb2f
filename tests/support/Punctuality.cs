namespace ProjectionReplay;

/// <summary>
/// Holds times to what was promised, on a machine that may be busy with other things: what it kept a thread waiting that had
/// asked to be woken does not count.
/// </summary>
internal static class Punctuality
{
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(5);
    private static readonly Lock Gate = new();
    private static readonly Queue<(long At, TimeSpan Late)> Delays = new();
    private static readonly Lazy<bool> Watching = new(StartWatching);

    /// <summary>Starts to watch the machine. Once is enough.</summary>
    public static void Watch() => _ = Watching.Value;

    /// <summary>Checks something that ended just now.</summary>
    /// <param name="took">How long it took.</param>
    /// <param name="promise">How long it may take.</param>
    public static void ShouldKeep(TimeSpan promise, TimeSpan took)
    {
        var since = TimeProvider.System.GetTimestamp() - (long)(took.TotalSeconds * TimeProvider.System.TimestampFrequency);
        TimeSpan late;
        lock (Gate) late = Delays.Where(delay => delay.At >= since).Aggregate(TimeSpan.Zero, (sum, delay) => sum + delay.Late);

        // Work goes through more than one thread's hands, and each of them waits.
        Assert.True(
            took < promise + (late * 2),
            $"It took {took.TotalSeconds:0.00} s, and the machine was late for {late.TotalSeconds:0.00} s of them; "
                + $"{promise.TotalSeconds:0.0} s were promised.");
    }

    private static bool StartWatching()
    {
        new Thread(Run) { IsBackground = true, Name = nameof(Punctuality) }.Start();
        return true;
    }

    private static void Run()
    {
        while (true)
        {
            var before = TimeProvider.System.GetTimestamp();
            Thread.Sleep(Nap);
            var late = TimeProvider.System.GetElapsedTime(before) - Nap;
            lock (Gate)
            {
                if (late > Nap / 2) Delays.Enqueue((TimeProvider.System.GetTimestamp(), late));
                while (Delays.TryPeek(out var oldest) && TimeProvider.System.GetElapsedTime(oldest.At) > Memory) Delays.Dequeue();
            }
        }
    }
}

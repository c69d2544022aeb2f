using ProjectionReplay.Planning;


namespace ProjectionReplay.Reporting;

/// <summary>Tells of one batch: its steps, and how far it has come. Progress may be told by several streams at once.</summary>
internal sealed class BatchReport(RunReporter reporter, int number, int batchCount)
{
    private long _eventsProcessed;

    /// <summary>The batch, counted from 1.</summary>
    public int Number => number;

    /// <summary>What the batch is at.</summary>
    public ReplayPhase Phase { get; private set; } = ReplayPhase.Load;

    /// <summary>Events that the batch has, 0 while they are not known.</summary>
    public long EventCount { get; set; }

    /// <summary>Events folded so far.</summary>
    public long EventsProcessed => Interlocked.Read(ref _eventsProcessed);

    /// <summary>Tells that the batch enters a phase.</summary>
    public void Enter(ReplayPhase phase)
    {
        Phase = phase;
        reporter.Publish();
    }

    /// <summary>Counts events that were folded. Negative when a read starts over.</summary>
    public void AddEvents(long count)
    {
        Interlocked.Add(ref _eventsProcessed, count);
        reporter.AddEvents(count);
    }

    /// <summary>Sends a step of the batch. <paramref name="fill"/> adds what the step has to tell.</summary>
    public Task StepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill, CancellationToken cancellationToken) =>
        reporter.StepAsync(step, entry => fill(entry with { Batch = number, BatchCount = batchCount }), cancellationToken);
}

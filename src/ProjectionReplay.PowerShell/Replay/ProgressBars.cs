using System.Management.Automation;
using System.Management.Automation.Host;
using ProjectionReplay.Replay;

namespace ProjectionReplay.PowerShell;

/// <summary>Shows a run's progress as two bars: the run, and below it the batch in hand. For the pipeline's thread.</summary>
internal sealed class ProgressBars(ICommandRuntime runtime, PSHost host, string activity)
{
    private const int RunId = 1;
    private const int BatchId = 2;
    private const int PhaseCount = 6;

    // A terminal that is written to more often shows nothing more, and slows the pipeline down.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // A host tells bars of the same number apart by who shows them.
    private static long _lastSource = 0x5265706c61790000;

    private readonly long _source = Interlocked.Increment(ref _lastSource);
    private ReplayProgress? _shown;
    private long _shownAt;
    private bool _isVisible;

    /// <summary>Says that the run is being prepared.</summary>
    public void ShowPreparation() => Write(new(RunId, activity, Strings.ProgressPreparing));

    /// <summary>Shows the latest progress, if it is news and the last is not too fresh.</summary>
    public void Show(ReplayProgress? progress)
    {
        if (progress is null || ReferenceEquals(progress, _shown)) return;
        if (_shown is not null && TimeProvider.System.GetElapsedTime(_shownAt) < Pause) return;
        _shown = progress;
        _shownAt = TimeProvider.System.GetTimestamp();
        Write(DescribeRun(progress));
        if (progress.Batch > 0) Write(DescribeBatch(progress));
    }

    /// <summary>Takes the bars away, whatever became of the run.</summary>
    public void Complete()
    {
        if (!_isVisible) return;
        _isVisible = false;
        foreach (var (id, parent) in new[] { (BatchId, RunId), (RunId, -1) })
        {
            var record = new ProgressRecord(id, activity, Strings.ProgressCompleted) { ParentActivityId = parent, RecordType = ProgressRecordType.Completed };
            try
            {
                runtime.WriteProgress(_source, record);
            }
            catch (PipelineStoppedException)
            {
                // A pipeline that is being stopped takes no more records; the host still does.
                host.UI?.WriteProgress(_source, record);
            }
        }
    }

    private void Write(ProgressRecord record)
    {
        _isVisible = true;
        runtime.WriteProgress(_source, record);
    }

    private ProgressRecord DescribeRun(ReplayProgress progress) => new(
        RunId,
        activity,
        Strings.ProgressRun.With(progress.AggregatesReplayed, progress.AggregateCount, progress.EventsProcessed, progress.EventsPerSecond))
    {
        PercentComplete = Percent(progress.AggregatesReplayed, progress.AggregateCount),
        SecondsRemaining = progress.SecondsRemaining is { } seconds and < int.MaxValue ? (int)seconds : -1,
    };

    private static ProgressRecord DescribeBatch(ReplayProgress progress) => new(
        BatchId,
        Strings.ProgressBatchActivity.With(progress.Batch, progress.BatchCount),
        Strings.ProgressBatch.With((int)progress.Phase, PhaseCount, progress.Phase, progress.BatchEventsProcessed))
    {
        ParentActivityId = RunId,
        PercentComplete = Percent(progress.BatchEventsProcessed, progress.BatchEventCount),
    };

    private static int Percent(long done, long all) => all > 0 ? (int)Math.Clamp(done * 100.0 / all, 0, 100) : -1;
}

using System.Management.Automation;
using System.Management.Automation.Host;
using ProjectionReplay.Planning;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>Shows a run's progress as two bars: the run, and below it the batch in hand. For the pipeline's thread.</summary>
internal sealed class ProgressBars(ICommandRuntime runtime, PSHost host, string activity)
{
    private const int RunId = 1;
    private const int BatchId = 2;
    private const int PhaseCount = (int)ReplayPhase.Unmark;

    // A terminal that is written to more often shows nothing more, and slows the pipeline down.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // pwsh draws a few times a second only, and forgets what comes in between: what stays as it is has to be shown again, or
    // a run that waits would look as if it were at the step before.
    private static readonly TimeSpan Repetition = TimeSpan.FromMilliseconds(400);

    // A host tells bars of the same number apart by who shows them.
    private static long _lastSource = 0x5265706c61790000;

    private readonly long _source = Interlocked.Increment(ref _lastSource);
    private ReplayProgress? _shown;
    private ProgressRecord[] _bars = [];
    private long _shownAt;

    /// <summary>Says that the run is being prepared.</summary>
    public void ShowPreparation() => Write([new(RunId, activity, Strings.ProgressPreparing)]);

    /// <summary>Shows the latest progress, if the last is not too fresh; called again and again.</summary>
    public void Show(ReplayProgress? progress)
    {
        var age = TimeProvider.System.GetElapsedTime(_shownAt);
        if (progress is null || ReferenceEquals(progress, _shown))
        {
            if (_bars.Length > 0 && age >= Repetition) Write(_bars);
        }
        else if (_shown is null || age >= Pause)
        {
            _shown = progress;
            Write(progress.Batch > 0 ? [DescribeRun(progress), DescribeBatch(progress)] : [DescribeRun(progress)]);
        }
    }

    /// <summary>Takes the bars away, whatever became of the run.</summary>
    public void Complete()
    {
        if (_bars.Length == 0) return;
        _bars = [];
        foreach (var (id, parent) in new[] { (BatchId, RunId), (RunId, -1) })
        {
            var record = new ProgressRecord(id, activity, Strings.ProgressCompleted)
            {
                ParentActivityId = parent,
                RecordType = ProgressRecordType.Completed,
            };
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

    private void Write(ProgressRecord[] bars)
    {
        _bars = bars;
        _shownAt = TimeProvider.System.GetTimestamp();
        foreach (var bar in bars) runtime.WriteProgress(_source, bar);
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

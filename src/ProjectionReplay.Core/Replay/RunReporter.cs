using System.Diagnostics;
using ProjectionReplay.Logging;

namespace ProjectionReplay.Replay;

/// <summary>
/// Tells of a run as it goes: each step into the replay log and onto the messages, and progress beside them.
/// Progress may be told by several streams at once.
/// </summary>
internal sealed class RunReporter(
    ReplayRequest request, ReplayMessages messages, ReplayLogWriter? log, TimeProvider timeProvider) : IAsyncDisposable
{
    private readonly HashSet<string> _warned = new(StringComparer.Ordinal);
    private readonly string _projection = request.Projection.Definition.Name;
    private long _startedAt;
    private long _eventsProcessed;
    private long _batchStartEvents;
    private ReplayProgress? _progress;
    private bool _logFailed;

    /// <summary>Events folded so far.</summary>
    public long EventsProcessed => Interlocked.Read(ref _eventsProcessed);

    /// <summary>Whether a batch found that no live worker is at work on the queue.</summary>
    public bool AreWorkersIdle { get; set; }

    /// <summary>Sends a step. <paramref name="fill"/> adds what the step has to tell.</summary>
    public async Task StepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill, CancellationToken cancellationToken)
    {
        var entry = Record(step, fill);
        await WriteLogAsync(entry).ConfigureAwait(false);
        await messages.SendAsync(new ReplayLogMessage(entry), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a step of a run that is ending badly: nobody may be listening any more.</summary>
    public async Task LastStepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill)
    {
        var entry = Record(step, fill);
        await WriteLogAsync(entry).ConfigureAwait(false);
        messages.TrySend(new ReplayLogMessage(entry));
    }

    /// <summary>Warns, once a run for each text.</summary>
    public void Warn(string text)
    {
        lock (_warned)
        {
            if (!_warned.Add(text)) return;
        }

        messages.TrySend(new ReplayWarningMessage(text));
    }

    public void Verbose(string text) => messages.TrySend(new ReplayVerboseMessage(text));

    /// <summary>Starts the clock that the rate and the estimate go by.</summary>
    public void Start(int aggregateCount, int batchCount)
    {
        _startedAt = timeProvider.GetTimestamp();
        _progress = new ReplayProgress
        {
            Projection = _projection,
            TenantId = request.TenantId,
            Batch = 0,
            BatchCount = batchCount,
            Phase = ReplayPhase.Mark,
            AggregatesReplayed = 0,
            AggregateCount = aggregateCount,
            EventsProcessed = 0,
            BatchEventsProcessed = 0,
            BatchEventCount = 0,
            EventsPerSecond = 0,
            SecondsRemaining = null,
        };
        messages.Report(_progress);
    }

    /// <summary>Tells that a batch enters a phase.</summary>
    public void Enter(int batch, ReplayPhase phase, int aggregatesReplayed, long batchEventCount)
    {
        if (phase == ReplayPhase.Mark) _batchStartEvents = EventsProcessed;
        _progress = _progress! with
        {
            Batch = batch,
            Phase = phase,
            AggregatesReplayed = aggregatesReplayed,
            BatchEventCount = batchEventCount,
        };
        Publish();
    }

    /// <summary>Counts events that were folded. Negative when a broken read starts over.</summary>
    public void AddEvents(long count)
    {
        Interlocked.Add(ref _eventsProcessed, count);
        Publish();
    }

    public ValueTask DisposeAsync() => log?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Publish()
    {
        Debug.Assert(_progress is not null, "Start comes first.");
        var events = EventsProcessed;
        var seconds = timeProvider.GetElapsedTime(_startedAt).TotalSeconds;
        var done = _progress.AggregatesReplayed;
        messages.Report(_progress with
        {
            EventsProcessed = events,
            BatchEventsProcessed = events - _batchStartEvents,
            EventsPerSecond = seconds > 0 ? events / seconds : 0,
            SecondsRemaining = done > 0 ? seconds / done * (_progress.AggregateCount - done) : null,
        });
    }

    private ReplayLogEntry Record(string step, Func<ReplayLogEntry, ReplayLogEntry> fill) => fill(new ReplayLogEntry
    {
        Timestamp = timeProvider.GetUtcNow().UtcDateTime,
        Step = step,
        Projection = _projection,
        TenantId = request.TenantId,
        LogPath = log?.Path,
    });

    /// <summary>A full disk must not leave markers behind: the replay goes on without its log, and says so.</summary>
    private async Task WriteLogAsync(ReplayLogEntry entry)
    {
        if (log is null || _logFailed) return;
        try
        {
            await log.WriteAsync(entry).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _logFailed = true;
            Warn($"The replay log '{log.Path}' cannot be written any more: {exception.Message} The replay goes on without it.");
        }
    }
}

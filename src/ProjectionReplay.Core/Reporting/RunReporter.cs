using System.Globalization;
using ProjectionReplay.Planning;

namespace ProjectionReplay.Reporting;

/// <summary>
/// Tells of a run as it goes: each step into the replay log and onto the messages, and progress beside them.
/// Steps may be told by several batches at once, and progress by several streams.
/// </summary>
internal sealed class RunReporter(
    ReplayRequest request, ReplayMessages messages, ReplayLogWriter? log, TimeProvider timeProvider) : IAsyncDisposable
{
    /// <summary>Events come faster than anybody wants to hear of them.</summary>
    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(50);

    private readonly HashSet<string> _warned = new(StringComparer.Ordinal);

    /// <summary>One step after the other: the log takes one line at a time, and has them in the order of the messages.</summary>
    private readonly SemaphoreSlim _telling = new(1);
    private readonly string _projection = request.Projection.Definition.Name;
    private long _startedAt;
    private long _publishedAt;
    private long _eventsProcessed;
    private readonly Lock _progressLock = new();
    private readonly SortedDictionary<int, BatchReport> _inFlight = [];
    private ReplayProgress? _progress;
    private bool _logFailed;

    /// <summary>The replay log, or null when there is none.</summary>
    public string? LogPath => log?.Path;

    /// <summary>Events folded so far.</summary>
    public long EventsProcessed => Interlocked.Read(ref _eventsProcessed);

    /// <summary>Sends a step. <paramref name="fill"/> adds what the step has to tell.</summary>
    public Task StepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill, CancellationToken cancellationToken) =>
        TellAsync(step, fill, message => messages.SendAsync(message, cancellationToken));

    /// <summary>Sends a step of a run that is ending badly: nobody may be listening any more.</summary>
    public Task LastStepAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill) => TellAsync(
        step,
        fill,
        message =>
        {
            messages.TrySend(message);
            return ValueTask.CompletedTask;
        });

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

    public void Debug(string text) => messages.TrySend(new ReplayDebugMessage(text));

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
            Phase = ReplayPhase.Load,
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

    /// <summary>Tells that a batch begins; of those in flight, progress shows the first.</summary>
    public BatchReport Begin(int number, int batchCount)
    {
        var report = new BatchReport(this, number, batchCount);
        lock (_progressLock) _inFlight.Add(number, report);
        return report;
    }

    /// <summary>Tells that a batch is done.</summary>
    public void End(int number, int aggregatesReplayed)
    {
        string done;
        lock (_progressLock)
        {
            var batch = _inFlight[number];
            _inFlight.Remove(number);
            _progress = _progress! with { AggregatesReplayed = _progress.AggregatesReplayed + aggregatesReplayed };
            done = string.Create(
                CultureInfo.InvariantCulture,
                $"Batch {number} of {_progress.BatchCount} is done: {aggregatesReplayed:N0} aggregates, {batch.EventsProcessed:N0} events. "
                    + $"In all {_progress.AggregatesReplayed:N0} of {_progress.AggregateCount:N0} aggregates "
                    + $"after {timeProvider.GetElapsedTime(_startedAt).TotalSeconds:N1} s.");
        }

        Verbose(done);
        Publish();
    }

    /// <summary>Counts events that were folded. Negative when a broken read starts over.</summary>
    public void AddEvents(long count)
    {
        Interlocked.Add(ref _eventsProcessed, count);
        var published = Volatile.Read(ref _publishedAt);
        if (timeProvider.GetElapsedTime(published) < LeastPause) return;

        // Of those who come at the same moment one is enough.
        if (Interlocked.CompareExchange(ref _publishedAt, timeProvider.GetTimestamp(), published) == published) Publish();
    }

    public ValueTask DisposeAsync()
    {
        _telling.Dispose();
        return log?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <summary>Says how far the run has come.</summary>
    public void Publish()
    {
        System.Diagnostics.Debug.Assert(_progress is not null, "Start comes first.");
        var events = EventsProcessed;
        var seconds = timeProvider.GetElapsedTime(_startedAt).TotalSeconds;
        lock (_progressLock)
        {
            if (_inFlight.Count > 0)
            {
                var first = _inFlight.First().Value;
                _progress = _progress with
                {
                    Batch = first.Number,
                    Phase = first.Phase,
                    BatchEventsProcessed = first.EventsProcessed,
                    BatchEventCount = first.EventCount,
                };
            }

            var done = _progress.AggregatesReplayed;
            messages.Report(_progress with
            {
                EventsProcessed = events,
                EventsPerSecond = seconds > 0 ? events / seconds : 0,
                SecondsRemaining = done > 0 ? seconds / done * (_progress.AggregateCount - done) : null,
            });
        }
    }

    /// <summary>Batches that are in hand at once tell their steps one after the other.</summary>
    private async Task TellAsync(string step, Func<ReplayLogEntry, ReplayLogEntry> fill, Func<ReplayMessage, ValueTask> send)
    {
        // Not given up when the run is: what was done is told all the same.
        await _telling.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            var entry = Record(step, fill);
            await WriteLogAsync(entry).ConfigureAwait(false);
            await send(new ReplayLogMessage(entry)).ConfigureAwait(false);
        }
        finally
        {
            _telling.Release();
        }
    }

    private ReplayLogEntry Record(string step, Func<ReplayLogEntry, ReplayLogEntry> fill) => fill(new ReplayLogEntry
    {
        Timestamp = timeProvider.GetUtcNow().UtcDateTime,
        Step = step,
        Projection = _projection,
        TenantId = request.TenantId,
        LogPath = LogPath,
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

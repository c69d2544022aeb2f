using System.Globalization;
using ProjectionReplay.Planning;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Comparison;

/// <summary>Tells how far a comparison has come. Events may be counted by several streams at once.</summary>
internal sealed class ComparisonProgress(string projection, string tenantId, ReplayMessages messages, TimeProvider timeProvider)
{
    /// <summary>Events come faster than anybody wants to hear of them.</summary>
    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(50);

    private long _startedAt;
    private long _publishedAt;
    private long _events;
    private int _aggregates;
    private int _aggregateCount;
    private long _fields;
    private long _rows;
    private string? _lastKey;

    /// <summary>Starts the clock that the rate and the estimate go by.</summary>
    public void Start(int aggregateCount)
    {
        (_startedAt, _aggregateCount, _aggregates) = (timeProvider.GetTimestamp(), aggregateCount, 0);
        Publish();
    }

    /// <summary>Counts aggregates that are done.</summary>
    public void AddAggregates(int count)
    {
        _aggregates += count;
        Publish();
    }

    /// <summary>Counts events that were folded. Negative when a broken read starts over.</summary>
    public void AddEvents(long count)
    {
        Interlocked.Add(ref _events, count);
        var published = Volatile.Read(ref _publishedAt);
        if (timeProvider.GetElapsedTime(published) < LeastPause) return;

        // Of those who come at the same moment one is enough.
        if (Interlocked.CompareExchange(ref _publishedAt, timeProvider.GetTimestamp(), published) == published) Publish();
    }

    /// <summary>Counts a difference. Those of one row come one after the other.</summary>
    public void CountDifference(ProjectionDifference difference)
    {
        _fields++;
        if (difference.Key == _lastKey) return;
        _lastKey = difference.Key;
        _rows++;
    }

    /// <summary>What the comparison came to, in a sentence.</summary>
    public string Summarize(string table) => string.Create(
        CultureInfo.InvariantCulture,
        $"Compared {_aggregates:N0} aggregates, {Interlocked.Read(ref _events):N0} events, with table {table}: "
            + $"{(_rows == 0 ? "no difference" : $"{_rows:N0} rows differ, in {_fields:N0} places")}.");

    private void Publish()
    {
        var events = Interlocked.Read(ref _events);
        var (done, seconds) = (_aggregates, timeProvider.GetElapsedTime(_startedAt).TotalSeconds);
        messages.Report(new ReplayProgress
        {
            Projection = projection,
            TenantId = tenantId,
            Batch = 0,
            BatchCount = 0,
            Phase = ReplayPhase.Load,
            AggregatesReplayed = done,
            AggregateCount = _aggregateCount,
            EventsProcessed = events,
            BatchEventsProcessed = 0,
            BatchEventCount = 0,
            EventsPerSecond = seconds > 0 ? events / seconds : 0,
            SecondsRemaining = done > 0 ? seconds / done * (_aggregateCount - done) : null,
        });
    }
}

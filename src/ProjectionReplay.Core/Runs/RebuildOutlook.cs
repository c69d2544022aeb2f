using System.Globalization;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Runs;

/// <summary>What a rebuild would delete, and what it would have to build from. Immutable.</summary>
/// <param name="Rows">Counter rows of the tenant.</param>
/// <param name="Counted">The sum of their counts.</param>
/// <param name="Events">Rows that the event log has of the projection's types; an event that stands twice counts twice.</param>
/// <param name="FirstEvent">When the first of those events happened, UTC; null when there is none.</param>
/// <param name="FirstCounted">
/// The earliest of the times that the rows have as those of their last events, UTC; null when none has one.
/// </param>
/// <param name="LogExpires">Whether the event log has a TTL, which removes its older rows.</param>
public sealed record RebuildOutlook(
    long Rows, long Counted, long Events, DateTime? FirstEvent, DateTime? FirstCounted, bool LogExpires)
{
    /// <summary>
    /// Whether the counters hold what the log cannot give back: its events were removed, or have expired. That they count more
    /// than it has is no proof of that, as counting twice is what a rebuild mends; but where the log expires it is one, and where
    /// replays alone have counted more, as they count each event once.
    /// </summary>
    public bool IsLossy => Rows > 0
        && (FirstEvent is not { } first || FirstCounted < first || Recorded > Events || (LogExpires && Counted > Events));

    /// <summary>What replays have added of the sum, each event once.</summary>
    public long Recorded { get; init; }

    /// <summary>Both sides, in a sentence.</summary>
    public override string ToString()
    {
        var culture = CultureInfo.InvariantCulture;
        var log = FirstEvent is { } first
            ? string.Create(culture, $"has {Events:N0} of the projection's events, from {first:yyyy-MM-dd HH:mm:ss} UTC on")
            : "has none of the projection's events";
        var from = FirstCounted is { } counted
            ? string.Create(culture, $", the first of them of {counted:yyyy-MM-dd HH:mm:ss} UTC or before")
            : "";
        var counters = string.Create(culture, $"{Rows:N0} rows that count {Counted:N0} events{from}");
        return $"The counters are {counters}; the event log {log}.";
    }

    internal static RebuildOutlook Of(CounterHoldings holdings, long events, DateTimeOffset? firstEvent, bool logExpires) => new(
        holdings.Rows,
        holdings.Counted,
        events,
        firstEvent?.UtcDateTime,
        holdings.FirstLastEvent == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(holdings.FirstLastEvent).UtcDateTime,
        logExpires)
    {
        Recorded = holdings.Recorded,
    };
}

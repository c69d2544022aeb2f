using System.Globalization;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>The UTC day of an event, as the daily counters name it.</summary>
internal static class UtcDay
{
    private const long MillisecondsPerDay = 86_400_000;

    /// <summary>The end of time in JavaScript, where the live system takes the day from.</summary>
    private const long MaxTimestamp = 8_640_000_000_000_000;

    /// <summary>The Gregorian calendar repeats itself after 400 years, which are this many days.</summary>
    private const long DaysPerCycle = 146_097;

    private static readonly long Epoch = DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;

    /// <summary>The number of the event's day since 1970-01-01.</summary>
    /// <exception cref="InvalidEventPayloadException">The timestamp lies beyond any date.</exception>
    public static long Of(in ReplayEvent replayEvent)
    {
        if (replayEvent.Timestamp is >= 0 and <= MaxTimestamp) return replayEvent.Timestamp / MillisecondsPerDay;
        throw new InvalidEventPayloadException(
            replayEvent.EventId,
            replayEvent.EventType,
            "EventTimestamp",
            "lies beyond any date, so that the event has no day to count towards");
    }

    /// <summary>
    /// The day's name, <c>2026-02-17</c>; <c>+055840-10-01</c> beyond the year 9999, as for a timestamp that was
    /// taken in microseconds by mistake.
    /// </summary>
    public static string Name(long day)
    {
        var beyond = Math.Max(0, Epoch + day - DateOnly.MaxValue.DayNumber);
        var cycles = (beyond + DaysPerCycle - 1) / DaysPerCycle;
        var date = DateOnly.FromDayNumber((int)(Epoch + day - (cycles * DaysPerCycle)));
        return cycles == 0
            ? date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"+{date.Year + (cycles * 400):000000}-{date:MM-dd}");
    }
}

using System.Text;
using ProjectionReplay.Events;

namespace ProjectionReplay.Golden;

/// <summary>Events that tests make up.</summary>
internal static class SampleEvent
{
    /// <summary>2026-02-17T12:00:00Z.</summary>
    public const long Noon = 1771329600000;

    private static int _count;

    /// <summary>An event of tenant t1, one ms later than the event made before it.</summary>
    public static EventLogRow Of(string eventType, string payload)
    {
        var number = Interlocked.Increment(ref _count);
        return new EventLogRow
        {
            Aggregate = new AggregateKey("t1", eventType.Split('.')[1], "a1"),
            EventId = $"event-{number:000000}",
            EventType = eventType,
            Timestamp = Noon + number,
            OccurredAt = Noon - 100_000 + number,
            Payload = Encoding.UTF8.GetBytes(payload),
        };
    }
}

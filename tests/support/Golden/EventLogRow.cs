using System.Text;
using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Golden;

/// <summary>One row of event_log, kept in memory.</summary>
internal sealed record EventLogRow
{
    public required AggregateKey Aggregate { get; init; }

    public required string EventId { get; init; }

    public required string EventType { get; init; }

    public required long Timestamp { get; init; }

    public long OccurredAt { get; init; }

    public required byte[] Payload { get; init; }

    public static EventLogRow Parse(JsonElement row) => new()
    {
        Aggregate = new AggregateKey(Text(row, "TenantId"), Text(row, "AggregateType"), Text(row, "AggregateId")),
        EventId = Text(row, "EventId"),
        EventType = Text(row, "EventType"),
        Timestamp = row.GetProperty("EventTimestamp").GetInt64(),
        OccurredAt = row.GetProperty("EventOccurredAt").GetInt64(),
        Payload = Encoding.UTF8.GetBytes(Text(row, "EventPayload")),
    };

    public ReplayEvent ToReplayEvent() => new()
    {
        Aggregate = Aggregate,
        EventIdUtf8 = Encoding.UTF8.GetBytes(EventId),
        EventType = EventType,
        Timestamp = Timestamp,
        OccurredAt = OccurredAt > 0 ? OccurredAt : Timestamp,
        Payload = Payload,
    };

    private static string Text(JsonElement row, string column) => row.GetProperty(column).GetString()!;
}

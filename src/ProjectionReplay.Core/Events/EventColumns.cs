namespace ProjectionReplay.Events;

/// <summary>
/// The columns of <c>event_log</c> that a projection reads beyond those the replay needs itself (aggregate, event id,
/// event type and event timestamp). A column that is not asked for is never read from disk nor sent.
/// </summary>
[Flags]
public enum EventColumns
{
    /// <summary>Nothing but what the replay itself needs.</summary>
    None = 0,

    /// <summary><c>EventPayload</c>: UTF-8 JSON, by far the largest column.</summary>
    Payload = 1,

    /// <summary><c>EventOccurredAt</c>. Without it <see cref="ReplayEvent.OccurredAt"/> is the event's timestamp.</summary>
    OccurredAt = 2,

    /// <summary><c>EventVersion</c>.</summary>
    Version = 4,

    /// <summary><c>ProcessingTraceparent</c>.</summary>
    Traceparent = 8,
}

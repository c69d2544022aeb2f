using System.Text;

namespace ProjectionReplay.Events;

/// <summary>
/// One event as a fold sees it. A view over the bytes just read: it lives only for the duration of the call that
/// receives it, so copy what must outlast that call.
/// </summary>
public readonly ref struct ReplayEvent
{
    /// <summary>The aggregate that the event belongs to.</summary>
    public required AggregateKey Aggregate { get; init; }

    /// <summary>The event id, UTF-8. Within one aggregate its byte order is the order of time.</summary>
    public required ReadOnlySpan<byte> EventIdUtf8 { get; init; }

    /// <summary>
    /// The event type. Always one of the projection's own <see cref="Projections.ProjectionDefinition.EventTypes"/>,
    /// the very same instance.
    /// </summary>
    public required string EventType { get; init; }

    /// <summary><c>EventTimestamp</c>: when the event was recorded, ms since 1970 UTC.</summary>
    public required long Timestamp { get; init; }

    /// <summary>
    /// When the event happened, ms since 1970 UTC: <c>EventOccurredAt</c> where it is greater than 0, else
    /// <see cref="Timestamp"/>.
    /// </summary>
    public required long OccurredAt { get; init; }

    /// <summary>The payload as UTF-8 JSON; empty when the event has none or the projection did not ask for it.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }

    /// <summary><c>EventVersion</c>, UTF-8; empty unless the projection asked for <see cref="EventColumns.Version"/>.</summary>
    public ReadOnlySpan<byte> VersionUtf8 { get; init; }

    /// <summary>
    /// <c>ProcessingTraceparent</c>, UTF-8; empty unless the projection asked for <see cref="EventColumns.Traceparent"/>.
    /// </summary>
    public ReadOnlySpan<byte> TraceparentUtf8 { get; init; }

    /// <summary>The tenant that owns the aggregate.</summary>
    public string TenantId => Aggregate.TenantId;

    /// <summary>The event id as text. Allocates: for messages, not for the hot path.</summary>
    public string EventId => Encoding.UTF8.GetString(EventIdUtf8);
}

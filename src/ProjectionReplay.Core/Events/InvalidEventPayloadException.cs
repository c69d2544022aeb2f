namespace ProjectionReplay.Events;

/// <summary>
/// A payload that a fold cannot read. It fails the batch that the event is in, and nothing of that batch is stored.
/// The message never holds the payload itself, which is customer data.
/// </summary>
public sealed class InvalidEventPayloadException : Exception
{
    /// <summary>Creates the exception for one event.</summary>
    /// <param name="eventId">The event's id.</param>
    /// <param name="eventType">The event's type.</param>
    /// <param name="field">The field or JSON path at fault, for example <c>score</c>; <c>$</c> for the whole payload.</param>
    /// <param name="problem">What is wrong with it, as the end of a sentence: "must be a number but is a string".</param>
    /// <param name="innerException">The parser's own complaint, when there was one.</param>
    public InvalidEventPayloadException(string eventId, string eventType, string field, string problem, Exception? innerException = null)
        : base($"Event '{eventId}' of type '{eventType}' cannot be folded: '{field}' {problem}.", innerException)
    {
        EventId = eventId;
        EventType = eventType;
        Field = field;
    }

    /// <summary>The event's id.</summary>
    public string EventId { get; }

    /// <summary>The event's type.</summary>
    public string EventType { get; }

    /// <summary>The field or JSON path at fault; <c>$</c> for the whole payload.</summary>
    public string Field { get; }
}

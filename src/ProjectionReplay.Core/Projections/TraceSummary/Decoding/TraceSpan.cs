using System.Runtime.InteropServices;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>The outcome that a span tells of.</summary>
internal enum SpanStatus : byte
{
    Unset,
    Ok,
    Error,
}

/// <summary>
/// A span as it was sent, decoded. Made to be read into again and again, by <see cref="SpanReader"/>. Times are ms since
/// 1970 UTC.
/// </summary>
internal sealed class TraceSpan
{
    /// <summary>A span with more events is not typical, and their room not worth keeping.</summary>
    private const int MaxKeptEvents = 256;

    private readonly List<SpanEvent> _events = [];

    /// <summary>What the span was read from, and its text attributes still stand in.</summary>
    public SpanPayload Payload { get; } = new();

    public AttributeValue TraceId { get; set; }

    /// <summary>Whether the span has no parent.</summary>
    public bool IsRoot { get; set; }

    public AttributeValue Name { get; set; }

    /// <summary>The name of the instrumentation that made the span; none when that is not said.</summary>
    public AttributeValue Scope { get; set; }

    public double StartMs { get; set; }

    /// <summary>May be NaN.</summary>
    public double EndMs { get; set; }

    public SpanStatus Status { get; set; }

    public AttributeValue StatusMessage { get; set; }

    /// <summary>The attributes that somebody asks for.</summary>
    public AttributeTable Attributes { get; } = new();

    /// <summary>What happened during the span, in the order it was sent.</summary>
    public ReadOnlySpan<SpanEvent> Events => CollectionsMarshal.AsSpan(_events)[..EventCount];

    /// <summary>The number of <see cref="Events"/>.</summary>
    public int EventCount { get; private set; }

    /// <summary>The attributes of the process that the span comes from.</summary>
    public ResourceAttributes Resource { get; set; } = ResourceAttributes.None;

    /// <summary>Forgets the events.</summary>
    public void ClearEvents()
    {
        EventCount = 0;
        if (_events.Count > MaxKeptEvents) _events.RemoveRange(MaxKeptEvents, _events.Count - MaxKeptEvents);
    }

    /// <summary>Adds an event, to be filled.</summary>
    public SpanEvent AddEvent()
    {
        if (EventCount == _events.Count) _events.Add(new SpanEvent());
        var added = _events[EventCount++];
        added.Clear();
        return added;
    }
}

/// <summary>Something that happened during a span.</summary>
internal sealed class SpanEvent
{
    public AttributeValue Name { get; set; }

    /// <summary>Ms since 1970 UTC; may be NaN.</summary>
    public double TimeMs { get; set; }

    public AttributeTable Attributes { get; } = new(capacity: 2);

    /// <summary>Whether a canonicaliser made something else of it.</summary>
    public bool IsConsumed { get; set; }

    public void Clear()
    {
        Name = default;
        TimeMs = 0;
        Attributes.Clear();
        IsConsumed = false;
    }
}

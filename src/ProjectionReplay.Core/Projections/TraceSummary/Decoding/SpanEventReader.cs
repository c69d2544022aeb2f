using System.Text.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>Reads the events and links of a span. Not thread-safe.</summary>
internal sealed class SpanEventReader(AttributeNames names)
{
    // Their place in the list is told by whoever reads the list.
    private static readonly JsonPath TimePath = JsonPath.Of("timeUnixNano");
    private static readonly JsonPath AttributesPath = JsonPath.Of("attributes");

    private readonly AttributeReader _attributes = new(names);
    private readonly AttributeTable _linkAttributes = new();

    /// <summary>Reads the list of events in hand.</summary>
    /// <exception cref="MalformedSpanException">It is not a list of events.</exception>
    public void ReadEvents(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, JsonPath path, TraceSpan span)
    {
        span.ClearEvents();
        if (reader.TokenType != JsonTokenType.StartArray) throw path.Fault($"must be an array but is {reader.Describe()}");
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            try
            {
                if (reader.TokenType == JsonTokenType.StartObject) ReadEvent(ref reader, payload, span.AddEvent());
                else if (reader.SkipTruthy(payload)) throw new MalformedSpanException("", "must be an object");
            }
            catch (MalformedSpanException fault)
            {
                throw fault.Inside(path, i);
            }
        }
    }

    private void ReadEvent(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, SpanEvent happened)
    {
        double? time = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.IsNamed("name"u8))
            {
                reader.Read();
                happened.Name = reader.TextOrNone();
            }
            else if (reader.IsNamed("timeUnixNano"u8))
            {
                reader.Read();
                time = reader.ReadMilliseconds(payload, TimePath);
            }
            else if (reader.IsNamed("attributes"u8))
            {
                reader.Read();
                happened.Attributes.Clear();
                _attributes.Read(ref reader, payload, AttributesPath, happened.Attributes);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        happened.TimeMs = time ?? throw TimePath.Fault("is missing");
    }

    /// <summary>Links say nothing to a summary, but the live system does not fold a span whose links it cannot read.</summary>
    public void ReadLinks(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, JsonPath path)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw path.Fault($"must be an array but is {reader.Describe()}");
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            try
            {
                if (reader.TokenType == JsonTokenType.StartObject) ReadLink(ref reader, payload);
                else if (reader.SkipTruthy(payload)) throw new MalformedSpanException("", "must be an object");
            }
            catch (MalformedSpanException fault)
            {
                throw fault.Inside(path, i);
            }
        }
    }

    private void ReadLink(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isAttributes = reader.IsNamed("attributes"u8);
            reader.Read();
            _linkAttributes.Clear();
            if (isAttributes) _attributes.Read(ref reader, payload, AttributesPath, _linkAttributes);
            else reader.Skip();
        }
    }
}

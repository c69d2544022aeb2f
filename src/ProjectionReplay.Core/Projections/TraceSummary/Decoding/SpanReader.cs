using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// Reads the payload of a span in one pass. Unknown members are passed over; of one that stands twice the last counts.
/// Not thread-safe.
/// </summary>
internal sealed class SpanReader(AttributeNames names)
{
    private static readonly JsonPath SpanPath = JsonPath.Of("span");
    private static readonly JsonPath AttributesPath = SpanPath.Member("attributes");
    private static readonly JsonPath EventsPath = SpanPath.Member("events");
    private static readonly JsonPath LinksPath = SpanPath.Member("links");
    private static readonly JsonPath StartPath = SpanPath.Member("startTimeUnixNano");
    private static readonly JsonPath EndPath = SpanPath.Member("endTimeUnixNano");

    // Of events and links, whose place in their list is told by whoever reads the list.
    private static readonly JsonPath InnerTimePath = JsonPath.Of("timeUnixNano");
    private static readonly JsonPath InnerAttributesPath = JsonPath.Of("attributes");

    private readonly AttributeReader _attributes = new(names);
    private readonly AttributeTable _linkAttributes = new();

    /// <summary>Reads a span.</summary>
    /// <param name="payload">The payload of its event.</param>
    /// <param name="span">Filled, in place of what it was before.</param>
    /// <exception cref="MalformedSpanException">It is not a span.</exception>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public void Read(ReadOnlySpan<byte> payload, TraceSpan span)
    {
        span.Payload.Load(payload);
        payload = span.Payload.Bytes;
        var reader = new Utf8JsonReader(payload, PayloadFields.Options);
        reader.Read();
        var found = reader.TokenType;
        if (found != JsonTokenType.StartObject)
        {
            reader.Skip();
            reader.Read();
            throw JsonPath.Of("$").Fault($"must be an object but is {PayloadValues.Describe(found)}");
        }

        var hasSpan = false;
        span.Scope = default;
        var resource = payload[..0];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.IsNamed("span"u8))
            {
                reader.Read();
                ReadSpan(ref reader, payload, span);
                hasSpan = true;
            }
            else if (reader.IsNamed("resource"u8))
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                resource = payload[start..(int)reader.BytesConsumed];
            }
            else if (reader.IsNamed("instrumentationScope"u8))
            {
                reader.Read();
                ReadScope(ref reader, span);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        // Nothing but white space may follow the object: the reader sees to it.
        reader.Read();
        if (!hasSpan) throw SpanPath.Fault("is missing");
        if (resource.IsEmpty) span.Resource = ResourceAttributes.None;
        else if (!span.Resource.IsFrom(resource)) span.Resource = ResourceAttributes.Read(resource);
    }

    private void ReadSpan(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, TraceSpan span)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw SpanPath.Fault($"must be an object but is {reader.Describe()}");
        span.IsRoot = true;
        span.TraceId = span.Name = default;
        span.Attributes.Clear();
        double? start = null, end = null;
        var (hasSpanId, hasEvents, hasLinks, hasStatus) = (false, false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.IsNamed("attributes"u8))
            {
                reader.Read();
                span.Attributes.Clear();
                _attributes.Read(ref reader, payload, AttributesPath, span.Attributes);
            }
            else if (reader.IsNamed("events"u8))
            {
                reader.Read();
                ReadEvents(ref reader, payload, span);
                hasEvents = true;
            }
            else if (reader.IsNamed("links"u8))
            {
                reader.Read();
                ReadLinks(ref reader, payload);
                hasLinks = true;
            }
            else if (reader.IsNamed("status"u8))
            {
                reader.Read();
                hasStatus = TryReadStatus(ref reader, span);
            }
            else if (reader.IsNamed("startTimeUnixNano"u8))
            {
                reader.Read();
                start = ReadTime(ref reader, payload, StartPath);
            }
            else if (reader.IsNamed("endTimeUnixNano"u8))
            {
                reader.Read();
                end = ReadTime(ref reader, payload, EndPath);
            }
            else if (reader.IsNamed("traceId"u8))
            {
                reader.Read();
                span.TraceId = ReadText(ref reader, "traceId");
            }
            else if (reader.IsNamed("spanId"u8))
            {
                reader.Read();
                hasSpanId = ReadText(ref reader, "spanId").Kind == AttributeKind.Text;
            }
            else if (reader.IsNamed("parentSpanId"u8))
            {
                reader.Read();
                span.IsRoot = !reader.SkipTruthy(payload);
            }
            else if (reader.IsNamed("name"u8))
            {
                reader.Read();
                span.Name = reader.TextOrNone();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        if (span.TraceId.Kind == AttributeKind.None) throw SpanPath.Member("traceId").Fault("is missing");
        if (!hasSpanId) throw SpanPath.Member("spanId").Fault("is missing");
        if (!hasEvents) throw EventsPath.Fault("is missing");
        if (!hasLinks) throw LinksPath.Fault("is missing");
        if (!hasStatus) throw SpanPath.Member("status").Fault("is missing");
        span.StartMs = start ?? throw StartPath.Fault("is missing");
        span.EndMs = end ?? throw EndPath.Fault("is missing");
        if (!IsRecordable(span.StartMs)) throw StartPath.Fault("is not a time from 1970 on");
    }

    private void ReadEvents(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, TraceSpan span)
    {
        span.ClearEvents();
        if (reader.TokenType != JsonTokenType.StartArray) throw EventsPath.Fault($"must be an array but is {reader.Describe()}");
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            try
            {
                if (reader.TokenType == JsonTokenType.StartObject) ReadEvent(ref reader, payload, span.AddEvent());
                else if (reader.SkipTruthy(payload)) throw new MalformedSpanException("", "must be an object");
            }
            catch (MalformedSpanException fault)
            {
                throw fault.Inside(EventsPath, i);
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
                time = ReadTime(ref reader, payload, InnerTimePath);
            }
            else if (reader.IsNamed("attributes"u8))
            {
                reader.Read();
                happened.Attributes.Clear();
                _attributes.Read(ref reader, payload, InnerAttributesPath, happened.Attributes);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        happened.TimeMs = time ?? throw InnerTimePath.Fault("is missing");
    }

    /// <summary>Links say nothing to a summary, but the live system does not fold a span whose links it cannot read.</summary>
    private void ReadLinks(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw LinksPath.Fault($"must be an array but is {reader.Describe()}");
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            try
            {
                if (reader.TokenType == JsonTokenType.StartObject) ReadLink(ref reader, payload);
                else if (reader.SkipTruthy(payload)) throw new MalformedSpanException("", "must be an object");
            }
            catch (MalformedSpanException fault)
            {
                throw fault.Inside(LinksPath, i);
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
            if (isAttributes) _attributes.Read(ref reader, payload, InnerAttributesPath, _linkAttributes);
            else reader.Skip();
        }
    }

    /// <summary>Reads the status. False when there is none.</summary>
    private static bool TryReadStatus(ref Utf8JsonReader reader, TraceSpan span)
    {
        span.Status = SpanStatus.Unset;
        span.StatusMessage = default;
        if (reader.TokenType == JsonTokenType.Null) return false;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return true;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.IsNamed("code"u8))
            {
                reader.Read();
                span.Status = StatusOf(ref reader);
                reader.Skip();
            }
            else if (reader.IsNamed("message"u8))
            {
                reader.Read();
                span.StatusMessage = reader.TokenType == JsonTokenType.Null ? default : ReadText(ref reader, "status.message");
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return true;
    }

    private static SpanStatus StatusOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            return double.Parse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture) switch
            {
                1 => SpanStatus.Ok,
                2 => SpanStatus.Error,
                _ => SpanStatus.Unset,
            };
        }

        if (reader.TokenType != JsonTokenType.String) return SpanStatus.Unset;
        if (reader.IsNamed("STATUS_CODE_OK"u8)) return SpanStatus.Ok;
        return reader.IsNamed("STATUS_CODE_ERROR"u8) ? SpanStatus.Error : SpanStatus.Unset;
    }

    private static void ReadScope(ref Utf8JsonReader reader, TraceSpan span)
    {
        span.Scope = default;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isName = reader.IsNamed("name"u8);
            reader.Read();
            if (isName) span.Scope = reader.TextOrNone();
            else reader.Skip();
        }
    }

    private static AttributeValue ReadText(ref Utf8JsonReader reader, string member)
    {
        if (reader.TokenType == JsonTokenType.String) return reader.TextInPayload();
        throw SpanPath.Member(member).Fault(
            reader.TokenType == JsonTokenType.Null ? "is missing" : $"must be a string but is {reader.Describe()}");
    }

    private static double ReadTime(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, JsonPath path)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String when !reader.ValueIsEscaped:
                return OtlpInteger.ToMilliseconds(OtlpInteger.Parse(reader.ValueSpan));
            case JsonTokenType.String:
                return OtlpInteger.ToMilliseconds(EcmaScriptNumberText.ParseIntegerPrefix(PayloadText.Decode(reader.ValueSpan, isEscaped: true)));
            case JsonTokenType.Number:
                return OtlpInteger.ToMilliseconds(double.Parse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture));
            case JsonTokenType.StartObject:
                var halves = reader.ReadValue(payload).Record;
                if (halves.TryGet("high", out var high) && halves.TryGet("low", out var low))
                {
                    return OtlpInteger.ToMilliseconds(OtlpInteger.Combine(high, low, path));
                }

                throw path.Fault("must have 'high' and 'low'");
            default:
                throw path.Fault($"must be a time but is {reader.Describe()}");
        }
    }

    /// <summary>Whether the live system can make a record id of a time: its whole seconds have to fit 48 bits.</summary>
    private static bool IsRecordable(double milliseconds) => Math.Floor(milliseconds / 1000) is >= 0 and <= 281_474_976_710_655;
}

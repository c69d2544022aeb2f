using System.Globalization;
using System.Text.Json;

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

    private readonly AttributeReader _attributes = new(names);
    private readonly SpanEventReader _events = new(names);

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
                _events.ReadEvents(ref reader, payload, EventsPath, span);
                hasEvents = true;
            }
            else if (reader.IsNamed("links"u8))
            {
                reader.Read();
                _events.ReadLinks(ref reader, payload, LinksPath);
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
                start = reader.ReadMilliseconds(payload, StartPath);
            }
            else if (reader.IsNamed("endTimeUnixNano"u8))
            {
                reader.Read();
                end = reader.ReadMilliseconds(payload, EndPath);
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

    /// <summary>Whether the live system can make a record id of a time: its whole seconds have to fit 48 bits.</summary>
    private static bool IsRecordable(double milliseconds) => Math.Floor(milliseconds / 1000) is >= 0 and <= 281_474_976_710_655;
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>What the span's decoders ask of a JSON reader, in their own words.</summary>
internal static class JsonCursor
{
    /// <summary>Whether the property in hand has a name, which is ASCII.</summary>
    public static bool IsNamed(this ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.ValueIsEscaped) return reader.ValueSpan.SequenceEqual(name);
        return Ascii.Equals(name, PayloadText.Decode(reader.ValueSpan, isEscaped: true));
    }

    /// <summary>The string in hand, where it stands.</summary>
    public static AttributeValue TextInPayload(this ref Utf8JsonReader reader) =>
        AttributeValue.InPayload((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, reader.ValueIsEscaped);

    /// <summary>The string in hand, or no value when it is something else.</summary>
    public static AttributeValue TextOrNone(this ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String) return reader.TextInPayload();
        reader.Skip();
        return default;
    }

    /// <summary>The value in hand, whatever it is. The reader is left at its end.</summary>
    public static EcmaScriptValue ReadValue(this ref Utf8JsonReader reader, ReadOnlySpan<byte> payload)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return EcmaScriptJson.Parse(payload[start..(int)reader.BytesConsumed]);
    }

    /// <summary>Whether the value in hand counts as true in JavaScript. The reader is left at its end.</summary>
    public static bool SkipTruthy(this ref Utf8JsonReader reader, ReadOnlySpan<byte> payload)
    {
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return OtlpValue.IsTruthy(reader.ReadValue(payload));
        }

        reader.Skip();
        return true;
    }

    /// <summary>The time in hand, nanoseconds since 1970 UTC in one of OTLP's forms, in ms; NaN when its text is no number.</summary>
    /// <exception cref="MalformedSpanException">It has none of these forms.</exception>
    public static double ReadMilliseconds(this ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, JsonPath path)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String when !reader.ValueIsEscaped:
                return OtlpInteger.ToMilliseconds(OtlpInteger.Parse(reader.ValueSpan));
            case JsonTokenType.String:
                return OtlpInteger.ToMilliseconds(
                    EcmaScriptNumberText.ParseIntegerPrefix(PayloadText.Decode(reader.ValueSpan, isEscaped: true)));
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

    /// <summary>The type of the value in hand, for messages.</summary>
    public static string Describe(this ref Utf8JsonReader reader) => PayloadValues.Describe(reader.TokenType);
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// Reads attribute lists, and keeps what somebody asks for. Plain attributes, which most are, are taken as they pass
/// by; a list with anything else in it is left to <see cref="OtlpAttributes"/>, who knows all the rules.
/// </summary>
internal sealed class AttributeReader(AttributeNames names)
{
    /// <summary>Text in JSON of this many digits is an integer that a double holds exactly.</summary>
    private const int SafeDigits = 15;

    /// <summary>Reads the list in hand, or null for none. The reader is left at its end.</summary>
    /// <param name="reader">Stands at the list.</param>
    /// <param name="payload">The JSON that is read.</param>
    /// <param name="path">Where the list stands.</param>
    /// <param name="table">Filled; must be empty.</param>
    /// <exception cref="MalformedSpanException">It is not a list of attributes.</exception>
    public void Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, JsonPath path, AttributeTable table)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartArray) throw path.Fault($"must be an array but is {reader.Describe()}");

        var list = reader;
        var isPlain = true;
        EcmaScriptRecord? indexed = null;
        while (isPlain && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            isPlain = TryReadEntry(ref reader, payload, table, ref indexed);
        }

        if (isPlain)
        {
            if (indexed is not null) SetIndexed(indexed, path, table);
            return;
        }

        table.Clear();
        reader = list;
        foreach (var (key, value) in OtlpAttributes.Decode(reader.ReadValue(payload), path))
        {
            if (names.Find(key) is { } name) table.Set(name, AttributeValue.From(value));
        }
    }

    private void SetIndexed(EcmaScriptRecord indexed, JsonPath path, AttributeTable table)
    {
        // What is no part of a list has an index in its name all the same, and nobody asks for such.
        foreach (var (prefix, list) in IndexedAttributes.Gather(indexed, path, new EcmaScriptRecord()))
        {
            if (names.Find(prefix) is { } name) table.Set(name, AttributeValue.JsonOf(list));
        }
    }

    /// <summary>Reads an entry that is plain: a key without escapes, and a value object with one scalar.</summary>
    private bool TryReadEntry(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, AttributeTable table, ref EcmaScriptRecord? indexed)
    {
        ReadOnlySpan<byte> key = default;
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        AttributeName? name = null;
        var (hasKey, hasValue) = (false, false);
        AttributeValue value = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.IsNamed("key"u8))
            {
                reader.Read();
                if (hasKey || reader.TokenType != JsonTokenType.String || reader.ValueIsEscaped) return false;
                key = reader.ValueSpan;
                hasKey = key.Length > 0;
                name = names.Find(key);
            }
            else if (reader.IsNamed("value"u8))
            {
                reader.Read();
                if (hasValue || !TryReadValue(ref reader, out value)) return false;
                hasValue = true;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        if (!hasKey || value.Kind == AttributeKind.None) return true;
        if (name is not null) table.Set(name, value);
        else if (IndexedAttributes.MayBeIndexed(key)) (indexed ??= new()).Set(Encoding.UTF8.GetString(key), ValueOf(value, payload));
        return true;
    }

    private static EcmaScriptValue ValueOf(in AttributeValue value, ReadOnlySpan<byte> payload) => value.Kind switch
    {
        AttributeKind.Text => EcmaScriptValue.From(PayloadText.Decode(payload.Slice(value.Start, value.Length), value.IsEscaped)),
        AttributeKind.Number => EcmaScriptValue.From(value.Number),
        _ => EcmaScriptValue.From(value.Boolean),
    };

    /// <summary>Reads a value object in which one member says all, and the others are null.</summary>
    /// <returns>False when there is more to it.</returns>
    private static bool TryReadValue(ref Utf8JsonReader reader, out AttributeValue value)
    {
        value = default;
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        var isKnown = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueIsEscaped) return false;
            var kind = reader.ValueSpan;
            reader.Read();
            if (reader.TokenType == JsonTokenType.Null) continue;
            if (isKnown || !TryReadScalar(ref reader, kind, ref value)) return false;
            isKnown = true;
        }

        return true;
    }

    private static bool TryReadScalar(ref Utf8JsonReader reader, ReadOnlySpan<byte> kind, ref AttributeValue value)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String when kind.SequenceEqual("stringValue"u8):
                value = reader.TextInPayload();
                return true;
            case JsonTokenType.String when kind.SequenceEqual("intValue"u8):
                var digits = reader.ValueSpan;
                if (digits.Length is 0 or > SafeDigits || digits.ContainsAnyExceptInRange((byte)'0', (byte)'9')) return false;
                value = AttributeValue.From((double)long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture));
                return true;
            case JsonTokenType.Number when kind.SequenceEqual("intValue"u8) || kind.SequenceEqual("doubleValue"u8):
                // A zero is no value: that is how the live system has it.
                var number = double.Parse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);
                if (number != 0) value = AttributeValue.From(number);
                return true;
            case JsonTokenType.True or JsonTokenType.False when kind.SequenceEqual("boolValue"u8):
                value = AttributeValue.From(reader.TokenType == JsonTokenType.True);
                return true;
            default:
                return false;
        }
    }
}

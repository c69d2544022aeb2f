using System.Runtime.CompilerServices;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// OTLP's value objects, decoded as the live system does it, quirks included: a number that is zero is no value, and an
/// array becomes its JSON text.
/// </summary>
internal static class OtlpValue
{
    /// <summary>JavaScript holds no longer text, and arrays inside arrays escape each other's quotes: 2^n of them.</summary>
    private const int MaxTextLength = 64 * 1024 * 1024;

    /// <summary>JavaScript's truth: anything but null, false, zero, NaN and empty text.</summary>
    public static bool IsTruthy(EcmaScriptValue value) => value.Kind switch
    {
        EcmaScriptKind.Null => false,
        EcmaScriptKind.Boolean => value.Boolean,
        EcmaScriptKind.Number => value.Number != 0 && !double.IsNaN(value.Number),
        EcmaScriptKind.Text => value.Text.Length > 0,
        _ => true,
    };

    /// <summary>Walks a value and notes what it comes to, each under its key.</summary>
    /// <param name="key">The key that the value stands under.</param>
    /// <param name="value">A record or a list.</param>
    /// <param name="path">Where it stands.</param>
    /// <param name="attributes">What is added to; later values of the same key win.</param>
    /// <exception cref="MalformedSpanException">It is not a value.</exception>
    public static void Flatten(string key, EcmaScriptValue value, JsonPath path, EcmaScriptRecord attributes)
    {
        EnsureStack(path);
        if (TryDecodeScalar(value, path, out var scalar))
        {
            Note(attributes, key, scalar);
            return;
        }

        if (value.Kind != EcmaScriptKind.Record) return;
        if (value.Record.TryGet("kvlistValue", out var list) && IsTruthy(list))
        {
            FlattenList(key, list, path.Member("kvlistValue"), attributes);
            return;
        }

        if (!value.Record.TryGet("arrayValue", out var array) || !IsTruthy(array)) return;
        if (Member(array, "values").Kind != EcmaScriptKind.Null) throw path.Member("arrayValue").Member("values").Fault("must be an array");
        attributes.Set(key, EcmaScriptValue.From([]));
    }

    /// <summary>Decodes a value object that holds a scalar, or an array.</summary>
    /// <returns>False when it holds neither; an attribute of that value is dropped, or is a list of others.</returns>
    private static bool TryDecodeScalar(EcmaScriptValue value, JsonPath path, out Scalar scalar)
    {
        scalar = default;
        if (value.Kind is not (EcmaScriptKind.Record or EcmaScriptKind.List)) throw path.Fault("must be an object");
        if (value.Kind == EcmaScriptKind.List) return false;

        var record = value.Record;
        if (record.TryGet("stringValue", out var text) && text.Kind == EcmaScriptKind.Text)
        {
            scalar = new(text);
            return true;
        }

        if (record.TryGet("arrayValue", out var array) && Member(array, "values") is { Kind: EcmaScriptKind.List } values)
        {
            scalar = new(EcmaScriptValue.From(DecodeElements(values.List, path.Member("arrayValue").Member("values"))));
            return true;
        }

        if (record.TryGet("bytesValue", out var bytes) && IsTruthy(bytes))
        {
            scalar = bytes.Kind == EcmaScriptKind.Text ? new(default, LenientBase64.Decode(bytes.Text)) : new(bytes);
            return true;
        }

        if (record.TryGet("boolValue", out var flag) && flag.Kind != EcmaScriptKind.Null)
        {
            scalar = new(flag.Kind == EcmaScriptKind.Text
                ? EcmaScriptValue.From(string.Equals(flag.Text, "true", StringComparison.OrdinalIgnoreCase))
                : flag);
            return true;
        }

        if (record.TryGet("intValue", out var integer) && IsTruthy(integer))
        {
            scalar = new(DecodeInteger(integer, path.Member("intValue")));
            return true;
        }

        if (!record.TryGet("doubleValue", out var number) || !IsTruthy(number)) return false;
        scalar = new(
            number.Kind == EcmaScriptKind.Text ? EcmaScriptValue.From(EcmaScriptNumberText.ParseFloatPrefix(number.Text)) : number);
        return true;
    }

    private static EcmaScriptValue DecodeInteger(EcmaScriptValue integer, JsonPath path)
    {
        if (integer.Kind == EcmaScriptKind.Text) return EcmaScriptValue.From(EcmaScriptNumberText.ParseIntegerPrefix(integer.Text));
        return integer.Kind == EcmaScriptKind.Record
            && integer.Record.TryGet("high", out var high)
            && integer.Record.TryGet("low", out var low)
            ? EcmaScriptValue.From(OtlpInteger.Combine(high, low, path))
            : integer;
    }

    /// <summary>The JSON text of an array. What is no scalar stands there as OTLP has it.</summary>
    private static string DecodeElements(List<EcmaScriptValue> elements, JsonPath path)
    {
        EnsureStack(path);
        var decoded = new List<EcmaScriptValue>(elements.Count);
        for (var i = 0; i < elements.Count; i++)
        {
            decoded.Add(TryDecodeScalar(elements[i], path.Element(i), out var scalar) ? scalar.ToElement() : elements[i]);
        }

        var text = EcmaScriptJson.Stringify(EcmaScriptValue.From(decoded));
        return text.Length <= MaxTextLength ? text : throw path.Fault("is nested too deeply: as JSON text it is too long");
    }

    private static void FlattenList(string key, EcmaScriptValue list, JsonPath path, EcmaScriptRecord attributes)
    {
        if (Member(list, "values") is not { Kind: EcmaScriptKind.List } values) throw path.Member("values").Fault("must be an array");
        for (var i = 0; i < values.List.Count; i++)
        {
            var entry = values.List[i];
            var place = path.Member("values").Element(i);
            if (entry.Kind != EcmaScriptKind.Record) throw place.Fault("must be an object");
            var name = entry.Record.TryGet("key", out var found) ? TextOf(found, place.Member("key")) : "undefined";
            if (!entry.Record.TryGet("value", out var value)) throw place.Member("value").Fault("is missing");
            Flatten($"{key}.{name}", value, place.Member("value"), attributes);
        }
    }

    /// <summary>A key as JavaScript puts it into text.</summary>
    private static string TextOf(EcmaScriptValue key, JsonPath path) => key.Kind switch
    {
        EcmaScriptKind.Text => key.Text,
        EcmaScriptKind.Null => "null",
        EcmaScriptKind.Number => EcmaScriptNumber.ToText(key.Number),
        EcmaScriptKind.Boolean => key.Boolean ? "true" : "false",
        _ => throw path.Fault("must be a string"),
    };

    private static void Note(EcmaScriptRecord attributes, string key, in Scalar scalar)
    {
        if (scalar.ToAttribute() is { } value) attributes.Set(key, value);
    }

    private static EcmaScriptValue Member(EcmaScriptValue value, string name) =>
        value.Kind == EcmaScriptKind.Record && value.Record.TryGet(name, out var member) ? member : default;

    private static void EnsureStack(JsonPath path)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw path.Fault("is nested too deeply");
    }

    /// <summary>What a value object decodes to: a JSON value, or bytes.</summary>
    private readonly record struct Scalar(EcmaScriptValue Value, byte[]? Bytes = null)
    {
        /// <summary>As an element of an array: bytes are written as JavaScript writes a buffer.</summary>
        public EcmaScriptValue ToElement()
        {
            if (Bytes is null) return Value;
            var buffer = new EcmaScriptRecord();
            buffer.Set("type", EcmaScriptValue.From("Buffer"));
            buffer.Set("data", EcmaScriptValue.From([.. Bytes.Select(value => EcmaScriptValue.From((double)value))]));
            return EcmaScriptValue.From(buffer);
        }

        /// <summary>As an attribute: bytes are hexadecimal text; null for what no attribute can hold.</summary>
        public EcmaScriptValue? ToAttribute()
        {
            if (Bytes is not null) return EcmaScriptValue.From(Convert.ToHexStringLower(Bytes));
            if (AttributeValue.IsScalar(Value)) return Value;
            return Value.Kind == EcmaScriptKind.List ? EcmaScriptValue.From(Value.List.FindAll(AttributeValue.IsScalar)) : null;
        }
    }
}

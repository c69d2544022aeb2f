using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>
/// The values of some fields of one payload, decoded as they are asked for. An absent field and an explicit null are
/// the same. Lives no longer than the event it was read from.
/// </summary>
public ref struct PayloadValues
{
    internal const int SlotCount = 32;

    private ReadOnlySpan<byte> _json;
    private ReadOnlySpan<byte> _eventIdUtf8;
    private string _eventType;
    private Slots _slots;

    /// <summary>Whether the field is there and not null.</summary>
    public readonly bool Has(PayloadField field) => Token(field) is not (JsonTokenType.None or JsonTokenType.Null);

    /// <summary>Whether the field is there and is a string.</summary>
    public readonly bool IsText(PayloadField field) => Token(field) == JsonTokenType.String;

    /// <summary>A string, or null. Lone surrogates, which JavaScript lets pass, are kept.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly string? Text(PayloadField field)
    {
        var json = Expect(field, JsonTokenType.String, "a string");
        return json.IsEmpty ? null : PayloadText.Decode(json[1..^1], json.Contains((byte)'\\'));
    }

    /// <summary>A string that must be there.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is missing, or of another type.</exception>
    public readonly string RequiredText(PayloadField field) => Text(field) ?? throw Missing(field);

    /// <summary>
    /// A string, or null, for a state that takes it only while it has none: <paramref name="known"/> stays if it is not
    /// null, and the field is then checked but not decoded.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly string? TextUnlessKnown(PayloadField field, string? known)
    {
        if (known is null) return Text(field);
        Expect(field, JsonTokenType.String, "a string");
        return known;
    }

    /// <summary>
    /// A string that must be there, for a state that takes it only while it has none: <paramref name="known"/> stays if
    /// it is not empty, and the field is then checked but not decoded.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The field is missing, or of another type.</exception>
    public readonly string RequiredTextUnlessKnown(PayloadField field, string known)
    {
        if (known.Length == 0) return RequiredText(field);
        return Expect(field, JsonTokenType.String, "a string").IsEmpty ? throw Missing(field) : known;
    }

    /// <summary><see cref="Text"/>, to where a state keeps it.</summary>
    internal readonly void CopyText(PayloadField field, ref StateText text)
    {
        var json = Expect(field, JsonTokenType.String, "a string");
        if (json.IsEmpty) text.Clear();
        else Copy(json[1..^1], ref text);
    }

    /// <summary><see cref="RequiredText"/>, to where a state keeps it.</summary>
    internal readonly void CopyRequiredText(PayloadField field, ref StateText text)
    {
        var json = Expect(field, JsonTokenType.String, "a string");
        if (json.IsEmpty) throw Missing(field);
        Copy(json[1..^1], ref text);
    }

    /// <summary><see cref="TextUnlessKnown"/>, to where a state keeps it.</summary>
    internal readonly void CopyTextUnlessKnown(PayloadField field, ref StateText text)
    {
        if (text.IsNone) CopyText(field, ref text);
        else Expect(field, JsonTokenType.String, "a string");
    }

    /// <summary><see cref="RequiredTextUnlessKnown"/>, to where a state keeps it.</summary>
    internal readonly void CopyRequiredTextUnlessKnown(PayloadField field, ref StateText text)
    {
        if (text.Utf8.IsEmpty) CopyRequiredText(field, ref text);
        else if (Expect(field, JsonTokenType.String, "a string").IsEmpty) throw Missing(field);
    }

    /// <summary>A number as an IEEE double, or null. One beyond the range of a double is infinite, as in JavaScript.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly double? Number(PayloadField field)
    {
        var json = Expect(field, JsonTokenType.Number, "a number");
        return json.IsEmpty ? null : double.Parse(json, NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <summary>A number that must be there.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is missing, or of another type.</exception>
    public readonly double RequiredNumber(PayloadField field) => Number(field) ?? throw Missing(field);

    /// <summary>True or false, or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly bool? Flag(PayloadField field) => Token(field) switch
    {
        JsonTokenType.None or JsonTokenType.Null => null,
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        var other => throw WrongType(field, "true or false", other),
    };

    /// <summary>The JSON text of an array, as it stands in the payload; empty when the field is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly ReadOnlySpan<byte> ArrayJson(PayloadField field) =>
        Expect(field, JsonTokenType.StartArray, "an array");

    /// <summary>The JSON text of an array that must be there, as it stands in the payload.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is missing, or of another type.</exception>
    public readonly ReadOnlySpan<byte> RequiredArrayJson(PayloadField field)
    {
        var json = ArrayJson(field);
        return json.IsEmpty ? throw Missing(field) : json;
    }

    /// <summary>The JSON text of an object, as it stands in the payload; empty when the field is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly ReadOnlySpan<byte> ObjectJson(PayloadField field) =>
        Expect(field, JsonTokenType.StartObject, "an object");

    /// <summary>The fields of an object inside this one; none of them when it is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly PayloadValues Nested(PayloadField field, PayloadFields fields)
    {
        var json = ObjectJson(field);
        PayloadValues values = default;
        values.Start(json, _eventIdUtf8, _eventType);
        if (!json.IsEmpty) fields.Read(json, _eventIdUtf8, _eventType, out values);
        return values;
    }

    /// <summary>The objects of an array, one after the other; none when it is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type, or an element is not an object.</exception>
    public readonly PayloadItems Items(PayloadField field, PayloadFields fields) =>
        new(ArrayJson(field), fields, _eventIdUtf8, _eventType);

    /// <summary>Begins with the default, in place: to make it elsewhere is to copy it.</summary>
    internal void Start(ReadOnlySpan<byte> json, ReadOnlySpan<byte> eventIdUtf8, string eventType)
    {
        _json = json;
        _eventIdUtf8 = eventIdUtf8;
        _eventType = eventType;
    }

    /// <summary>Whatever the field is, as it stands in the JSON; nothing when it is absent.</summary>
    internal readonly ReadOnlySpan<byte> Json(PayloadField field)
    {
        var slot = _slots[field.Slot];
        return _json.Slice(slot.Start, slot.Length);
    }

    internal void Set(int slot, int start, int length) => _slots[slot] = new Slot(start, length);

    internal readonly InvalidEventPayloadException Invalid(string path, string problem) =>
        new(Encoding.UTF8.GetString(_eventIdUtf8), _eventType, path, problem);

    internal static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "true or false",
        _ => "null",
    };

    private static void Copy(ReadOnlySpan<byte> json, ref StateText text)
    {
        if (json.Contains((byte)'\\')) text.Set(PayloadText.Decode(json, isEscaped: true));
        else if (Utf8.IsValid(json)) text.Set(json);
        else text.Set(PayloadText.Decode(json, isEscaped: false));
    }

    /// <summary>A value as it stands in the JSON; nothing when it is absent or null.</summary>
    private readonly ReadOnlySpan<byte> Expect(PayloadField field, JsonTokenType token, string expected)
    {
        var json = Json(field);
        var found = TokenOf(json);
        if (found == token) return json;
        return found is JsonTokenType.None or JsonTokenType.Null ? default : throw WrongType(field, expected, found);
    }

    private readonly JsonTokenType Token(PayloadField field) => TokenOf(Json(field));

    /// <summary>What a value is: its first byte tells.</summary>
    private static JsonTokenType TokenOf(ReadOnlySpan<byte> json) => json.IsEmpty ? JsonTokenType.None : json[0] switch
    {
        (byte)'"' => JsonTokenType.String,
        (byte)'{' => JsonTokenType.StartObject,
        (byte)'[' => JsonTokenType.StartArray,
        (byte)'t' => JsonTokenType.True,
        (byte)'f' => JsonTokenType.False,
        (byte)'n' => JsonTokenType.Null,
        _ => JsonTokenType.Number,
    };

    private readonly InvalidEventPayloadException Missing(PayloadField field) => Invalid(field.Path, "is missing");

    private readonly InvalidEventPayloadException WrongType(PayloadField field, string expected, JsonTokenType found) =>
        Invalid(field.Path, $"must be {expected} but is {Describe(found)}");

    /// <summary>Where a value stands in the JSON; the default is an absent field.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Slot(int Start, int Length);

    [InlineArray(SlotCount)]
    private struct Slots
    {
        private Slot _first;
    }
}

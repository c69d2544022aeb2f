using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>
/// The values of some fields of one payload, decoded as they are asked for. An absent field and an explicit null are
/// the same. Lives no longer than the event it was read from.
/// </summary>
public ref struct PayloadValues
{
    internal const int SlotCount = 32;

    private readonly ReadOnlySpan<byte> _json;
    private readonly ReadOnlySpan<byte> _eventIdUtf8;
    private readonly string _eventType;
    private Slots _slots;

    internal PayloadValues(ReadOnlySpan<byte> json, ReadOnlySpan<byte> eventIdUtf8, string eventType)
    {
        _json = json;
        _eventIdUtf8 = eventIdUtf8;
        _eventType = eventType;
    }

    /// <summary>Whether the field is there and not null.</summary>
    public readonly bool Has(PayloadField field) => _slots[field.Slot].Token is not (JsonTokenType.None or JsonTokenType.Null);

    /// <summary>Whether the field is there and is a string.</summary>
    public readonly bool IsText(PayloadField field) => _slots[field.Slot].Token == JsonTokenType.String;

    /// <summary>A string, or null. Lone surrogates, which JavaScript lets pass, are kept.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly string? Text(PayloadField field) =>
        Expect(field, JsonTokenType.String, "a string") is { } slot ? PayloadText.Decode(Raw(slot)[1..^1], slot.Escaped) : null;

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
        return Expect(field, JsonTokenType.String, "a string") is null ? throw Missing(field) : known;
    }

    /// <summary>A number as an IEEE double, or null. One beyond the range of a double is infinite, as in JavaScript.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly double? Number(PayloadField field) =>
        Expect(field, JsonTokenType.Number, "a number") is { } slot
            ? double.Parse(Raw(slot), NumberStyles.Float, CultureInfo.InvariantCulture)
            : null;

    /// <summary>A number that must be there.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is missing, or of another type.</exception>
    public readonly double RequiredNumber(PayloadField field) => Number(field) ?? throw Missing(field);

    /// <summary>True or false, or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly bool? Flag(PayloadField field) => _slots[field.Slot].Token switch
    {
        JsonTokenType.None or JsonTokenType.Null => null,
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        var other => throw WrongType(field, "true or false", other),
    };

    /// <summary>The JSON text of an array, as it stands in the payload; empty when the field is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly ReadOnlySpan<byte> ArrayJson(PayloadField field) =>
        Expect(field, JsonTokenType.StartArray, "an array") is { } slot ? Raw(slot) : default;

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
        Expect(field, JsonTokenType.StartObject, "an object") is { } slot ? Raw(slot) : default;

    /// <summary>The fields of an object inside this one; none of them when it is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type.</exception>
    public readonly PayloadValues Nested(PayloadField field, PayloadFields fields)
    {
        var json = ObjectJson(field);
        return json.IsEmpty ? new PayloadValues(json, _eventIdUtf8, _eventType) : fields.Read(json, _eventIdUtf8, _eventType);
    }

    /// <summary>The objects of an array, one after the other; none when it is absent or null.</summary>
    /// <exception cref="InvalidEventPayloadException">The field is of another type, or an element is not an object.</exception>
    public readonly PayloadItems Items(PayloadField field, PayloadFields fields) =>
        new(ArrayJson(field), fields, _eventIdUtf8, _eventType);

    internal void Set(int slot, JsonTokenType token, bool escaped, int start, int length) =>
        _slots[slot] = new Slot(token, escaped, start, length);

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

    private readonly Slot? Expect(PayloadField field, JsonTokenType token, string expected)
    {
        var slot = _slots[field.Slot];
        if (slot.Token == token) return slot;
        return slot.Token is JsonTokenType.None or JsonTokenType.Null ? null : throw WrongType(field, expected, slot.Token);
    }

    private readonly ReadOnlySpan<byte> Raw(Slot slot) => _json.Slice(slot.Start, slot.Length);

    private readonly InvalidEventPayloadException Missing(PayloadField field) => Invalid(field.Path, "is missing");

    private readonly InvalidEventPayloadException WrongType(PayloadField field, string expected, JsonTokenType found) =>
        Invalid(field.Path, $"must be {expected} but is {Describe(found)}");

    /// <summary>Where a value stands in the JSON; the default is an absent field.</summary>
    private readonly record struct Slot(JsonTokenType Token, bool Escaped, int Start, int Length);

    [InlineArray(SlotCount)]
    private struct Slots
    {
        private Slot _first;
    }
}

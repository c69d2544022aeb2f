using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>The objects of an array inside a payload, for <c>foreach</c>. Lives no longer than the event.</summary>
public ref struct PayloadItems
{
    private readonly ReadOnlySpan<byte> _json;
    private readonly PayloadFields _fields;
    private readonly ReadOnlySpan<byte> _eventIdUtf8;
    private readonly string _eventType;
    private Utf8JsonReader _reader;
    private PayloadValues _current;

    internal PayloadItems(ReadOnlySpan<byte> json, PayloadFields fields, ReadOnlySpan<byte> eventIdUtf8, string eventType)
    {
        _json = json;
        _fields = fields;
        _eventIdUtf8 = eventIdUtf8;
        _eventType = eventType;
        if (json.IsEmpty) return;
        _reader = new Utf8JsonReader(json, PayloadFields.Options);
        _reader.Read();
    }

    /// <summary>The object in hand.</summary>
    public readonly PayloadValues Current => _current;

    /// <summary>This, for <c>foreach</c>.</summary>
    public readonly PayloadItems GetEnumerator() => this;

    /// <summary>Moves to the next object.</summary>
    /// <returns>False at the end of the array.</returns>
    /// <exception cref="InvalidEventPayloadException">The element is not an object.</exception>
    public bool MoveNext()
    {
        if (_json.IsEmpty || !_reader.Read() || _reader.TokenType == JsonTokenType.EndArray) return false;
        var start = (int)_reader.TokenStartIndex;
        _reader.Skip();
        _fields.Read(_json[start..(int)_reader.BytesConsumed], _eventIdUtf8, _eventType, out _current);
        return true;
    }
}

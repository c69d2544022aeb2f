using System.Text;
using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>
/// The fields that a projection reads from its payloads: fill it once, as static fields of the projection, and call
/// <see cref="Read(in ReplayEvent)"/> for each event. Safe for concurrent use once filled.
/// </summary>
/// <example>
/// <code>
/// private static readonly PayloadFields Fields = new();
/// private static readonly PayloadField Score = Fields.Add("score");
/// …
/// var payload = Fields.Read(replayEvent);
/// state.Score = payload.Number(Score);
/// </code>
/// </example>
public sealed class PayloadFields
{
    /// <summary>The most fields that one set can hold.</summary>
    public const int MaxCount = PayloadValues.SlotCount;

    /// <summary>JavaScript reads JSON of any depth, so a replay must not refuse what the live system took.</summary>
    internal static readonly JsonReaderOptions Options = new() { MaxDepth = int.MaxValue };

    private readonly string? _path;
    private readonly List<PayloadField> _fields = [];

    /// <summary>Creates the set for the payload itself.</summary>
    public PayloadFields()
    {
    }

    /// <summary>Creates the set for an object inside the payload.</summary>
    /// <param name="path">Where the object stands, for messages: <c>resource</c> or <c>resource.attributes[]</c>.</param>
    public PayloadFields(string path) => _path = path;

    /// <summary>Adds a field.</summary>
    /// <param name="name">Its name, case-sensitive.</param>
    /// <exception cref="InvalidOperationException">There are <see cref="MaxCount"/> fields already.</exception>
    public PayloadField Add(string name)
    {
        if (_fields.Count == MaxCount) throw new InvalidOperationException($"A payload can be read for {MaxCount} fields at most.");
        var field = new PayloadField(_fields.Count, name, _path is null ? name : $"{_path}.{name}");
        _fields.Add(field);
        return field;
    }

    /// <summary>
    /// Reads the payload of an event once, from end to end, and notes where the fields are. Unknown fields are skipped;
    /// of a field that stands twice the last one counts.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The payload is empty, is not JSON, or is not an object.</exception>
    public PayloadValues Read(in ReplayEvent replayEvent)
    {
        if (replayEvent.Payload.IsEmpty)
        {
            throw new InvalidEventPayloadException(replayEvent.EventId, replayEvent.EventType, "$", "is empty");
        }

        return Read(replayEvent.Payload, replayEvent.EventIdUtf8, replayEvent.EventType);
    }

    internal PayloadValues Read(ReadOnlySpan<byte> json, ReadOnlySpan<byte> eventIdUtf8, string eventType)
    {
        var values = new PayloadValues(json, eventIdUtf8, eventType);
        var reader = new Utf8JsonReader(json, Options);
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName) Note(ref reader, ref values);
            }
            else
            {
                var found = reader.TokenType;
                reader.Skip();
                reader.Read();
                throw values.Invalid(_path ?? "$", $"must be an object but is {PayloadValues.Describe(found)}");
            }

            // Nothing but white space may follow the object: the reader sees to it.
            reader.Read();
        }
        catch (JsonException exception)
        {
            // Its message may quote the payload, so that only the position is passed on.
            throw values.Invalid("$", $"is not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1})");
        }

        return values;
    }

    private void Note(ref Utf8JsonReader reader, ref PayloadValues values)
    {
        var slot = Find(reader.ValueSpan, reader.ValueIsEscaped);
        reader.Read();
        var token = reader.TokenType;
        var escaped = reader.ValueIsEscaped;
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        if (slot >= 0) values.Set(slot, token, escaped, start, (int)reader.BytesConsumed - start);
    }

    private int Find(ReadOnlySpan<byte> name, bool isEscaped)
    {
        // An escaped name is rare, and may hold lone surrogates, over which the reader's own comparison stumbles.
        var plain = isEscaped ? Encoding.UTF8.GetBytes(PayloadText.Decode(name, isEscaped)) : name;
        for (var i = 0; i < _fields.Count; i++)
        {
            if (plain.SequenceEqual(_fields[i].NameUtf8)) return i;
        }

        return -1;
    }
}

/// <summary>One field that a projection reads from its payloads; see <see cref="PayloadFields"/>.</summary>
public sealed class PayloadField
{
    private readonly byte[] _nameUtf8;

    internal PayloadField(int slot, string name, string path)
    {
        Slot = slot;
        Path = path;
        _nameUtf8 = Encoding.UTF8.GetBytes(name);
    }

    /// <summary>The field's name behind those of the objects that it stands in, as messages give it.</summary>
    public string Path { get; }

    internal int Slot { get; }

    internal ReadOnlySpan<byte> NameUtf8 => _nameUtf8;
}

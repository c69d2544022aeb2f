using System.Runtime.CompilerServices;
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

    /// <summary>Twice as many as there are fields, at least, so that few share one.</summary>
    private const int HashCount = 64;

    private readonly string? _path;
    private readonly PayloadField?[] _fieldsByHash = new PayloadField?[HashCount];
    private int _count;

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
        if (_count == MaxCount) throw new InvalidOperationException($"A payload can be read for {MaxCount} fields at most.");
        var field = new PayloadField(_count, name, _path is null ? name : $"{_path}.{name}");

        // Of two that have one name the first is found.
        ref var end = ref _fieldsByHash[Hash(field.NameUtf8)];
        while (end is not null) end = ref end.NextOfHash;
        end = field;
        _count++;
        return field;
    }

    /// <summary>
    /// Reads the payload of an event once, from end to end, and notes where the fields are. Unknown fields are skipped;
    /// of a field that stands twice the last one counts.
    /// </summary>
    /// <exception cref="InvalidEventPayloadException">The payload is empty, is not JSON, or is not an object.</exception>
    public PayloadValues Read(in ReplayEvent replayEvent)
    {
        Read(replayEvent, out var values);
        return values;
    }

    /// <summary>Reads the payload of an event to where its values are kept: they are many bytes to copy.</summary>
    internal void Read(in ReplayEvent replayEvent, out PayloadValues values)
    {
        if (replayEvent.Payload.IsEmpty)
        {
            throw new InvalidEventPayloadException(replayEvent.EventId, replayEvent.EventType, "$", "is empty");
        }

        Read(replayEvent.Payload, replayEvent.EventIdUtf8, replayEvent.EventType, out values);
    }

    internal void Read(ReadOnlySpan<byte> json, ReadOnlySpan<byte> eventIdUtf8, string eventType, out PayloadValues values)
    {
        values = default;
        values.Start(json, eventIdUtf8, eventType);
        if (!PayloadScan.TryRead(json, this, ref values)) ReadUnusual(json, eventIdUtf8, eventType, out values);
    }

    /// <summary>Reads what the scan leaves, and says what is wrong with it if anything is.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void ReadUnusual(ReadOnlySpan<byte> json, ReadOnlySpan<byte> eventIdUtf8, string eventType, out PayloadValues values)
    {
        values = default;
        values.Start(json, eventIdUtf8, eventType);
        var reader = new Utf8JsonReader(json, Options);
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var slot = Find(reader.ValueSpan, reader.ValueIsEscaped);
                    reader.Read();
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    if (slot >= 0) values.Set(slot, start, (int)reader.BytesConsumed - start);
                }
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
    }

    // An escaped name is rare, and may hold lone surrogates, over which the reader's own comparison stumbles.
    private int Find(ReadOnlySpan<byte> name, bool isEscaped) =>
        Find(isEscaped ? Encoding.UTF8.GetBytes(PayloadText.Decode(name, isEscaped)) : name);

    /// <summary>The slot of a field.</summary>
    /// <param name="name">Its name, without escapes.</param>
    /// <returns>-1 when the field is not of this set.</returns>
    internal int Find(ReadOnlySpan<byte> name)
    {
        for (var field = _fieldsByHash[Hash(name)]; field is not null; field = field.NextOfHash)
        {
            if (name.SequenceEqual(field.NameUtf8)) return field.Slot;
        }

        return -1;
    }

    /// <summary>Cheap, and enough to tell most fields that are not of this set from those that are.</summary>
    private static int Hash(ReadOnlySpan<byte> name) =>
        name.IsEmpty ? 0 : (name[0] + (name[^1] * 5) + (name.Length * 11)) % HashCount;
}

/// <summary>One field that a projection reads from its payloads; see <see cref="PayloadFields"/>.</summary>
public sealed class PayloadField
{
    private readonly byte[] _nameUtf8;
    private PayloadField? _nextOfHash;

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

    /// <summary>Another field of the same set, whose name has the same hash.</summary>
    internal ref PayloadField? NextOfHash => ref _nextOfHash;
}

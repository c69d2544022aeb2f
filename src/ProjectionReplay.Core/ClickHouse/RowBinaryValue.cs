using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// How the values of one ClickHouse type stand in RowBinary: how long they are, which are the same, and what they mean.
/// Knows the types that <see cref="Stores.LatestRowTable{TState}"/> writes. Immutable.
/// </summary>
internal sealed class RowBinaryValue
{
    private const int MillisecondsSize = 8;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly FrozenDictionary<string, Kind> Kinds = new Dictionary<string, Kind>(StringComparer.Ordinal)
    {
        ["String"] = Kind.Text,
        ["Bool"] = Kind.Bool,
        ["UInt8"] = Kind.UInt8,
        ["UInt32"] = Kind.UInt32,
        ["UInt64"] = Kind.UInt64,
        ["Int64"] = Kind.Int64,
        ["Float64"] = Kind.Float64,
        ["DateTime64(3)"] = Kind.Milliseconds,
        ["Array(String)"] = Kind.Texts,
        ["Map(String, String)"] = Kind.Pairs,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private readonly Kind _kind;
    private readonly bool _isNullable;

    private RowBinaryValue(Kind kind, bool isNullable) => (_kind, _isNullable) = (kind, isNullable);

    private enum Kind
    {
        Text,
        Bool,
        UInt8,
        UInt32,
        UInt64,
        Int64,
        Float64,
        Milliseconds,
        Texts,
        Pairs,
    }

    /// <summary>The values of a type, or null when the type is not known here.</summary>
    public static RowBinaryValue? Find(string type)
    {
        const string Nullable = "Nullable(";
        var isNullable = type.StartsWith(Nullable, StringComparison.Ordinal);
        return Kinds.TryGetValue(isNullable ? type[Nullable.Length..^1] : type, out var kind) ? new RowBinaryValue(kind, isNullable) : null;
    }

    /// <summary>Passes over a value. False when the bytes end before it does.</summary>
    public bool TrySkip(ref RowBinaryCursor cursor)
    {
        if (_isNullable)
        {
            if (!cursor.TryReadByte(out var isNull)) return false;
            if (isNull != 0) return true;
        }

        switch (_kind)
        {
            case Kind.Text: return cursor.TryReadString(out _);
            case Kind.Texts: return TrySkipTexts(ref cursor, perElement: 1);
            case Kind.Pairs: return TrySkipTexts(ref cursor, perElement: 2);
            case Kind.Bool or Kind.UInt8: return cursor.TryReadByte(out _);
            case Kind.UInt32: return cursor.TryRead(sizeof(uint), out _);
            default: return cursor.TryRead(MillisecondsSize, out _);
        }
    }

    /// <summary>
    /// Whether two values are the same to the last bit, the order of a map's pairs aside: ClickHouse keeps it, but it
    /// means nothing.
    /// </summary>
    public bool AreSame(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.SequenceEqual(right)) return true;
        if (_kind != Kind.Pairs || left.Length != right.Length) return false;
        return ReadPairs(left).OrderBy(Key, StringComparer.Ordinal).SequenceEqual(ReadPairs(right).OrderBy(Key, StringComparer.Ordinal));

        static string Key(KeyValuePair<string, string> pair) => pair.Key;
    }

    /// <summary>
    /// What a value means: text, a number, true or false, a UTC time, or null. An array or a map becomes JSON, so that
    /// whoever is told of it can put it into a table.
    /// </summary>
    public object? Read(ReadOnlySpan<byte> value)
    {
        if (_isNullable)
        {
            if (value[0] != 0) return null;
            value = value[1..];
        }

        return _kind switch
        {
            Kind.Text => ReadText(value),
            Kind.Bool => value[0] != 0,
            Kind.UInt8 => value[0],
            Kind.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(value),
            Kind.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(value),
            Kind.Int64 => BinaryPrimitives.ReadInt64LittleEndian(value),
            Kind.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(value),
            Kind.Milliseconds => ReadTime(BinaryPrimitives.ReadInt64LittleEndian(value)),
            Kind.Texts => WriteJson(value, static (writer, cursor, count) =>
            {
                writer.WriteStartArray();
                for (; count > 0; count--) writer.WriteStringValue(Take(ref cursor));
                writer.WriteEndArray();
            }),
            _ => WriteJson(value, static (writer, cursor, count) =>
            {
                writer.WriteStartObject();
                for (; count > 0; count--)
                {
                    var name = Take(ref cursor);
                    writer.WriteString(name, Take(ref cursor));
                }

                writer.WriteEndObject();
            }),
        };
    }

    private delegate void JsonContent(Utf8JsonWriter writer, RowBinaryCursor cursor, ulong count);

    private static bool TrySkipTexts(ref RowBinaryCursor cursor, int perElement)
    {
        if (!cursor.TryReadVarUInt(out var count)) return false;
        for (var left = count * (ulong)perElement; left > 0; left--)
        {
            if (!cursor.TryReadString(out _)) return false;
        }

        return true;
    }

    private static string ReadText(ReadOnlySpan<byte> value)
    {
        var cursor = new RowBinaryCursor(value);
        return Take(ref cursor);
    }

    /// <summary>A column may hold times that .NET has no name for: those are told as the number that they are.</summary>
    private static object ReadTime(long milliseconds) =>
        milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime
            : milliseconds;

    /// <summary>The pairs of a map, each byte a letter: what is no text must not come out alike.</summary>
    private static List<KeyValuePair<string, string>> ReadPairs(ReadOnlySpan<byte> value)
    {
        var cursor = new RowBinaryCursor(value);
        cursor.TryReadVarUInt(out var count);
        var pairs = new List<KeyValuePair<string, string>>();
        for (; count > 0; count--)
        {
            cursor.TryReadString(out var name);
            cursor.TryReadString(out var text);
            pairs.Add(new KeyValuePair<string, string>(Encoding.Latin1.GetString(name), Encoding.Latin1.GetString(text)));
        }

        return pairs;
    }

    private static string WriteJson(ReadOnlySpan<byte> value, JsonContent write)
    {
        var cursor = new RowBinaryCursor(value);
        cursor.TryReadVarUInt(out var count);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Readable)) write(writer, cursor, count);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static string Take(ref RowBinaryCursor cursor) =>
        cursor.TryReadString(out var text) ? Encoding.UTF8.GetString(text) : throw new InvalidDataException("The value is not whole.");
}

using System.Buffers;
using System.Text;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// The payload of the span in hand, and what its attributes say: text is compared and looked into where it stands, and
/// decoded only when it is kept. Not thread-safe.
/// </summary>
internal sealed class SpanPayload
{
    /// <summary>A larger payload is not typical, and its buffer not worth keeping.</summary>
    private const int MaxKeptSize = 1024 * 1024;

    /// <summary>Attributes that are JSON and are looked into more than once: metadata, input and output.</summary>
    private readonly (int Start, EcmaScriptValue Json)[] _parsed = new (int, EcmaScriptValue)[4];

    private byte[] _bytes = new byte[16 * 1024];
    private int _length;
    private int _parsedCount;

    /// <summary>The payload.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Takes a payload in place of the one before.</summary>
    public void Load(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > _bytes.Length || (_bytes.Length > MaxKeptSize && payload.Length <= MaxKeptSize))
        {
            _bytes = new byte[Math.Max(payload.Length, 16 * 1024)];
        }

        payload.CopyTo(_bytes);
        _length = payload.Length;
        Array.Clear(_parsed);
        _parsedCount = 0;
    }

    /// <summary>The text of a text attribute.</summary>
    public string Text(in AttributeValue text)
    {
        if (text.IsInPayload) return PayloadText.Decode(Raw(text), text.IsEscaped);
        return text.String ?? EcmaScriptJson.Stringify(text.Json);
    }

    /// <summary>Whether an attribute is some text, which is ASCII.</summary>
    public bool Is(in AttributeValue value, string ascii)
    {
        if (value.Kind != AttributeKind.Text) return false;
        return value.IsInPayload && !value.IsEscaped
            ? Ascii.Equals(Raw(value), ascii)
            : string.Equals(Text(value), ascii, StringComparison.Ordinal);
    }

    /// <summary>Whether an attribute is text that is not empty.</summary>
    public static bool IsFilled(in AttributeValue value) =>
        value.Kind == AttributeKind.Text && (value.IsInPayload ? value.Length > 0 : value.String is not { Length: 0 });

    /// <summary>Whether an attribute is text that holds more than white space.</summary>
    public bool IsNotBlank(in AttributeValue value)
    {
        if (!IsFilled(value)) return false;
        if (value.IsJson || (value.IsInPayload && Raw(value)[0] is > (byte)' ' and < 0x80 and not (byte)'\\')) return true;
        return !EcmaScriptText.IsBlank(Text(value));
    }

    /// <summary>The attribute as a JSON value; JSON text stays text.</summary>
    public EcmaScriptValue Value(in AttributeValue value) => value.Kind switch
    {
        AttributeKind.Text => EcmaScriptValue.From(Text(value)),
        AttributeKind.Number => EcmaScriptValue.From(value.Number),
        AttributeKind.Boolean => EcmaScriptValue.From(value.Boolean),
        AttributeKind.List => EcmaScriptValue.From(value.List),
        _ => default,
    };

    /// <summary>Reads text as JSON of any kind.</summary>
    /// <returns>False when it is not JSON.</returns>
    public bool TryParse(in AttributeValue text, out EcmaScriptValue json)
    {
        if (text.IsJson)
        {
            json = text.Json;
            return true;
        }

        json = default;
        return MayStartJson(text) && TryParse(text, isContainer: false, out json);
    }

    /// <summary>
    /// Reads text as a JSON list or object, whatever white space is around it. Numbers, quoted text and the like stay
    /// the text they are; a list is one already.
    /// </summary>
    /// <returns>False when it is neither.</returns>
    public bool TryParseContainer(in AttributeValue value, out EcmaScriptValue json)
    {
        if (value.Kind == AttributeKind.List)
        {
            json = EcmaScriptValue.From(value.List);
            return true;
        }

        if (value.IsJson)
        {
            json = value.Json;
            return true;
        }

        json = default;
        return value.Kind == AttributeKind.Text && MayStartContainer(value) && TryParse(value, isContainer: true, out json);
    }

    private ReadOnlySpan<byte> Raw(in AttributeValue text) => _bytes.AsSpan(text.Start, text.Length);

    private bool TryParse(in AttributeValue text, bool isContainer, out EcmaScriptValue json)
    {
        if (!text.IsInPayload) return TryParse(text.String, isContainer, out json);
        foreach (var (start, known) in _parsed.AsSpan(0, Math.Min(_parsedCount, _parsed.Length)))
        {
            if (start != text.Start) continue;
            json = known;
            return true;
        }

        var characters = ArrayPool<char>.Shared.Rent(text.Length);
        try
        {
            var length = PayloadText.Decode(Raw(text), text.IsEscaped, characters);
            if (!TryParse(characters.AsSpan(0, length), isContainer, out json)) return false;

            // With white space around it a container may be JSON to one way of reading and not to the other.
            if (characters[0] is '{' or '[' && characters[length - 1] is '}' or ']')
            {
                _parsed[_parsedCount++ % _parsed.Length] = (text.Start, json);
            }

            return true;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    private static bool TryParse(ReadOnlySpan<char> text, bool isContainer, out EcmaScriptValue json)
    {
        json = default;
        if (isContainer)
        {
            text = EcmaScriptText.Trim(text);
            if (text is not (['{', .., '}'] or ['[', .., ']'])) return false;
        }

        return EcmaScriptJson.TryParse(text, out json);
    }

    /// <summary>A first look, to spare ordinary text the parser.</summary>
    private bool MayStartJson(in AttributeValue text)
    {
        if (!text.IsInPayload) return true;
        return !Raw(text).IsEmpty
            && Raw(text)[0] is (byte)'{' or (byte)'[' or (byte)'\\' or (byte)' ' or (byte)'-'
                or (>= (byte)'0' and <= (byte)'9') or (byte)'t' or (byte)'f' or (byte)'n';
    }

    /// <summary>A first look, to spare ordinary text the parser.</summary>
    private bool MayStartContainer(in AttributeValue text)
    {
        if (!text.IsInPayload) return true;
        return !Raw(text).IsEmpty && Raw(text)[0] is (byte)'{' or (byte)'[' or (byte)'\\' or (byte)' ' or >= 0x80;
    }
}

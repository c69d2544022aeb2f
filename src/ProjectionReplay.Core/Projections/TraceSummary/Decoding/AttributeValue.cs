using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>The kinds of value that an attribute can have.</summary>
internal enum AttributeKind : byte
{
    /// <summary>There is no attribute.</summary>
    None,
    Text,
    Number,
    Boolean,

    /// <summary>An array of text, numbers and booleans.</summary>
    List,
}

/// <summary>
/// The value of one attribute. Text mostly stays where it is, in the payload, and is read by <see cref="SpanPayload"/>;
/// JSON text that was put together here stays the value that it stands for, until someone wants the text.
/// </summary>
internal readonly struct AttributeValue
{
    private readonly object? _content;
    private readonly long _bits;

    private AttributeValue(AttributeKind kind, object? content, long bits, bool isEscaped = false)
    {
        Kind = kind;
        IsEscaped = isEscaped;
        _content = content;
        _bits = bits;
    }

    public AttributeKind Kind { get; }

    /// <summary>Whether text in the payload has escapes.</summary>
    public bool IsEscaped { get; }

    /// <summary>Whether it is text that stands in the payload.</summary>
    public bool IsInPayload => Kind == AttributeKind.Text && _content is null;

    /// <summary>Where text in the payload starts, behind its quote.</summary>
    public int Start => (int)(_bits >> 32);

    /// <summary>The bytes of text in the payload, quotes not counted.</summary>
    public int Length => (int)_bits;

    public double Number => BitConverter.Int64BitsToDouble(_bits);

    public bool Boolean => _bits != 0;

    /// <summary>The elements of a <see cref="AttributeKind.List"/>.</summary>
    public List<EcmaScriptValue> List => (List<EcmaScriptValue>)_content!;

    /// <summary>Text that is not in the payload, unless it is <see cref="IsJson"/>.</summary>
    public string? String => _content as string;

    /// <summary>Whether it is the JSON text of <see cref="Json"/>.</summary>
    public bool IsJson => Kind == AttributeKind.Text && _content is EcmaScriptRecord or List<EcmaScriptValue>;

    /// <summary>The list or record that the text stands for.</summary>
    public EcmaScriptValue Json => _content is EcmaScriptRecord record
        ? EcmaScriptValue.From(record)
        : EcmaScriptValue.From((List<EcmaScriptValue>)_content!);

    /// <summary>Text that stands in the payload, between two quotes.</summary>
    public static AttributeValue InPayload(int start, int length, bool isEscaped) =>
        new(AttributeKind.Text, null, ((long)start << 32) | (uint)length, isEscaped);

    public static AttributeValue From(string value) => new(AttributeKind.Text, value, 0);

    public static AttributeValue From(double value) => new(AttributeKind.Number, null, BitConverter.DoubleToInt64Bits(value));

    public static AttributeValue From(bool value) => new(AttributeKind.Boolean, null, value ? 1 : 0);

    /// <summary>The JSON text of a list or a record, which must not change any more.</summary>
    public static AttributeValue JsonOf(EcmaScriptValue value) =>
        new(AttributeKind.Text, value.Kind == EcmaScriptKind.List ? value.List : value.Record, 0);

    /// <summary>
    /// A value as an attribute holds it: scalars, and lists of nothing but scalars, as they are, everything else as JSON
    /// text. Null is no value.
    /// </summary>
    public static AttributeValue From(EcmaScriptValue value) => value.Kind switch
    {
        EcmaScriptKind.Text => From(value.Text),
        EcmaScriptKind.Number => From(value.Number),
        EcmaScriptKind.Boolean => From(value.Boolean),
        EcmaScriptKind.List when value.List.TrueForAll(IsScalar) => new(AttributeKind.List, value.List, 0),
        EcmaScriptKind.List or EcmaScriptKind.Record => JsonOf(value),
        _ => default,
    };

    /// <summary>Whether it is text, a number or a boolean.</summary>
    public static bool IsScalar(EcmaScriptValue value) =>
        value.Kind is EcmaScriptKind.Text or EcmaScriptKind.Number or EcmaScriptKind.Boolean;
}

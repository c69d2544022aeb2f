namespace ProjectionReplay.Json;

/// <summary>The kinds of value that JSON has.</summary>
internal enum EcmaScriptKind : byte
{
    Null,
    Boolean,
    Number,
    Text,
    List,
    Record,
}

/// <summary>
/// A JSON value as JavaScript holds it after <c>JSON.parse</c>: numbers are doubles, text is UTF-16 and may hold lone
/// surrogates. The default is null.
/// </summary>
internal readonly struct EcmaScriptValue
{
    private readonly object? _reference;
    private readonly double _number;

    private EcmaScriptValue(EcmaScriptKind kind, double number, object? reference)
    {
        Kind = kind;
        _number = number;
        _reference = reference;
    }

    /// <summary>What the value is. The accessor of another kind must not be used.</summary>
    public EcmaScriptKind Kind { get; }

    /// <summary>The value of a <see cref="EcmaScriptKind.Boolean"/>.</summary>
    public bool Boolean => _number != 0;

    /// <summary>The value of a <see cref="EcmaScriptKind.Number"/>; may be infinite, since 1e400 is good JSON.</summary>
    public double Number => _number;

    /// <summary>The value of a <see cref="EcmaScriptKind.Text"/>.</summary>
    public string Text => (string)_reference!;

    /// <summary>The elements of a <see cref="EcmaScriptKind.List"/>.</summary>
    public List<EcmaScriptValue> List => (List<EcmaScriptValue>)_reference!;

    /// <summary>The members of a <see cref="EcmaScriptKind.Record"/>.</summary>
    public EcmaScriptRecord Record => (EcmaScriptRecord)_reference!;

    /// <summary>The value null.</summary>
    public static EcmaScriptValue Null => default;

    public static EcmaScriptValue From(bool value) => new(EcmaScriptKind.Boolean, value ? 1 : 0, null);

    public static EcmaScriptValue From(double value) => new(EcmaScriptKind.Number, value, null);

    public static EcmaScriptValue From(string value) => new(EcmaScriptKind.Text, 0, value);

    public static EcmaScriptValue From(List<EcmaScriptValue> value) => new(EcmaScriptKind.List, 0, value);

    public static EcmaScriptValue From(EcmaScriptRecord value) => new(EcmaScriptKind.Record, 0, value);
}

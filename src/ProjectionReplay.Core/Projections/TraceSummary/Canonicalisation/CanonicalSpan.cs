using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>
/// A span on its way to the canonical names. Canonicalisers <see cref="TryTake"/> what they know out of the bag of
/// attributes as sent, and set what it means. Mind the difference: <see cref="Has"/> and all that reads
/// looks into the bag only, so that what one canonicaliser set does not keep a later one from setting it again.
/// </summary>
internal sealed class CanonicalSpan(AttributeNames names)
{
    private readonly AttributeTable _set = new();
    private TraceSpan _span = null!;
    private CanonicalParts _parts;

    /// <summary>What happened during the span.</summary>
    public ReadOnlySpan<SpanEvent> Events => _span.Events;

    /// <summary>Starts over, with another span.</summary>
    public void Begin(TraceSpan span, CanonicalParts parts)
    {
        _span = span;
        _parts = parts;
        _set.Clear();
    }

    /// <summary>Whether any of some parts is asked for.</summary>
    public bool Wants(CanonicalParts parts) => (_parts & parts) != CanonicalParts.Essence;

    /// <summary>Whether the span was made by some instrumentation.</summary>
    public bool IsScope(string scope) => _span.Payload.Is(_span.Scope, scope);

    /// <summary>Whether the span is called so.</summary>
    public bool IsNamed(string name) => _span.Payload.Is(_span.Name, name);

    /// <summary>Whether the bag has an attribute.</summary>
    public bool Has(AttributeName name) => _span.Attributes.Has(name);

    /// <summary>Whether the bag has any of some attributes.</summary>
    public bool HasAny(ReadOnlySpan<AttributeName> candidates)
    {
        foreach (var name in candidates)
        {
            if (Has(name)) return true;
        }

        return false;
    }

    /// <summary>Gets the first of some attributes that the bag has, and leaves it there.</summary>
    public bool TryGet(out AttributeValue value, params ReadOnlySpan<AttributeName> candidates)
    {
        foreach (var name in candidates)
        {
            if (_span.Attributes.TryGet(name, out value)) return true;
        }

        value = default;
        return false;
    }

    /// <summary>Takes the first of some attributes out of the bag. Those behind it stay.</summary>
    public bool TryTake(out AttributeValue value, params ReadOnlySpan<AttributeName> candidates)
    {
        foreach (var name in candidates)
        {
            if (_span.Attributes.Remove(name, out value)) return true;
        }

        value = default;
        return false;
    }

    /// <summary>Whether an attribute in the bag is some text, which is ASCII.</summary>
    public bool Is(AttributeName name, string text) => _span.Attributes.TryGet(name, out var value) && Is(value, text);

    /// <inheritdoc cref="SpanPayload.Is"/>
    public bool Is(in AttributeValue value, string text) => _span.Payload.Is(value, text);

    /// <inheritdoc cref="SpanPayload.IsNotBlank"/>
    public bool IsNotBlank(in AttributeValue value) => _span.Payload.IsNotBlank(value);

    /// <inheritdoc cref="SpanPayload.Text"/>
    public string Text(in AttributeValue text) => _span.Payload.Text(text);

    /// <inheritdoc cref="SpanPayload.Value"/>
    public EcmaScriptValue Value(in AttributeValue value) => _span.Payload.Value(value);

    /// <inheritdoc cref="SpanPayload.TryParseContainer"/>
    public bool TryParseContainer(in AttributeValue value, out EcmaScriptValue json) => _span.Payload.TryParseContainer(value, out json);

    /// <summary>The list or object that the value is the JSON text of; else the value itself.</summary>
    public EcmaScriptValue Parsed(in AttributeValue value) => TryParseContainer(value, out var json) ? json : _span.Payload.Value(value);

    /// <summary>A finite number, or text that is one; null for all else.</summary>
    public double? NumberOf(in AttributeValue value) => value.Kind switch
    {
        AttributeKind.Number when double.IsFinite(value.Number) => value.Number,
        AttributeKind.Text when !value.IsJson => NumberOf(EcmaScriptValue.From(Text(value))),
        _ => null,
    };

    /// <inheritdoc cref="NumberOf(in AttributeValue)"/>
    public static double? NumberOf(EcmaScriptValue value)
    {
        var number = value.Kind switch
        {
            EcmaScriptKind.Number => value.Number,
            EcmaScriptKind.Text when !EcmaScriptText.IsBlank(value.Text) => EcmaScriptNumberText.Parse(value.Text),
            _ => double.NaN,
        };
        return double.IsFinite(number) ? number : null;
    }

    /// <summary>Sets an attribute, in place of one that was set before. No value changes nothing.</summary>
    public void Set(AttributeName name, in AttributeValue value)
    {
        if (value.Kind != AttributeKind.None) _set.Set(name, value);
    }

    /// <summary>Sets an attribute to some text.</summary>
    public void Set(AttributeName name, string text) => _set.Set(name, AttributeValue.From(text));

    /// <summary>Sets an attribute unless the bag has it, or it was set before.</summary>
    public void SetIfAbsent(AttributeName name, in AttributeValue value)
    {
        if (!Has(name) && !_set.Has(name)) Set(name, value);
    }

    /// <summary>Sets the type unless the span came with one.</summary>
    public void InferType(string type)
    {
        if (!Has(names.SpanType)) Set(names.SpanType, type);
    }

    /// <summary>What an attribute came to in the end: what was set, else what is left in the bag.</summary>
    public bool TryGetFinal(AttributeName name, out AttributeValue value) =>
        _set.TryGet(name, out value) || _span.Attributes.TryGet(name, out value);

    /// <summary>What the first of some attributes came to that there is in the end.</summary>
    public bool TryGetFinal(out AttributeValue value, params ReadOnlySpan<AttributeName> candidates)
    {
        foreach (var name in candidates)
        {
            if (TryGetFinal(name, out value)) return true;
        }

        value = default;
        return false;
    }
}

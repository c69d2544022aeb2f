using System.Collections;
using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>The attributes of a trace, in the order that JavaScript has them in.</summary>
internal sealed class TraceAttributes : IReadOnlyList<KeyValuePair<string, string>>
{
    private EcmaScriptRecord _attributes = new();

    /// <summary>The number of attributes.</summary>
    public int Count => _attributes.Count;

    /// <summary>The attributes, in order.</summary>
    /// <param name="rank">From 0 up to <see cref="Count"/>.</param>
    public KeyValuePair<string, string> this[int rank] => new(_attributes[rank].Key, _attributes[rank].Value.Text);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator()
    {
        for (var rank = 0; rank < Count; rank++) yield return this[rank];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>
    /// Takes what a span says of its trace: first its keys, then those that only the trace had. What the trace said
    /// before is not replaced.
    /// </summary>
    public void Take(OrderedDictionary<string, AttributeValue> said, SpanPayload payload)
    {
        // The spans of a trace mostly say the same, over and over.
        if (IsSaid(said)) return;
        var merged = new EcmaScriptRecord();
        for (var i = 0; i < said.Count; i++)
        {
            var (key, value) = said.GetAt(i);
            merged.Set(key, _attributes.TryGet(key, out var known) ? known : EcmaScriptValue.From(payload.Text(value)));
        }

        foreach (var (key, value) in _attributes)
        {
            if (!merged.Has(key)) merged.Set(key, value);
        }

        _attributes = merged;
    }

    private bool IsSaid(OrderedDictionary<string, AttributeValue> said)
    {
        if (said.Count > _attributes.Count) return false;
        for (var i = 0; i < said.Count; i++)
        {
            if (said.GetAt(i).Key != _attributes[i].Key) return false;
        }

        return true;
    }
}

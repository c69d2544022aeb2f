using System.Collections;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>The models of a trace, each once, in the order of their UTF-16 units.</summary>
internal sealed class ModelSet : IReadOnlyList<string>
{
    private readonly List<string> _models = [];

    /// <inheritdoc/>
    public int Count => _models.Count;

    /// <inheritdoc/>
    public string this[int index] => _models[index];

    /// <summary>Adds a model that an attribute names.</summary>
    /// <returns>The name.</returns>
    public string Add(CanonicalSpan span, in AttributeValue value)
    {
        // The spans of a trace call the same few models: those need no text of their own.
        foreach (var known in _models)
        {
            if (span.Is(value, known)) return known;
        }

        var model = span.Text(value);
        var position = _models.BinarySearch(model, StringComparer.Ordinal);
        if (position < 0) _models.Insert(~position, model);
        return model;
    }

    /// <inheritdoc/>
    public IEnumerator<string> GetEnumerator() => _models.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

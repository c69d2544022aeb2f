using System.Text;
using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>A span after some canonicalisers, or all of them in turn.</summary>
internal sealed class CanonicalRun
{
    private readonly AttributeNames _names = new();
    private readonly TraceSpan _source = new();
    private readonly CanonicalSpan _span;

    private CanonicalRun(SampleSpan sample, Type[] only)
    {
        _span = new CanonicalSpan(_names);
        var all = Canonicalisers.Create(_names);
        new SpanReader(_names).Read(Encoding.UTF8.GetBytes(sample.ToJson()), _source);
        _span.Begin(_source, CanonicalParts.All);
        foreach (var canonicaliser in all.Where(canonicaliser => only.Length == 0 || only.Contains(canonicaliser.GetType())))
        {
            canonicaliser.Canonicalise(_span);
        }
    }

    /// <summary>What an attribute came to, as JSON; text as it is; null for none.</summary>
    public string? this[string name] => _span.TryGetFinal(_names.Of(name), out var value)
        ? value.Kind == AttributeKind.Text ? _span.Text(value) : EcmaScriptJson.Stringify(_span.Value(value))
        : null;

    /// <summary>The type that the span came to.</summary>
    public string? Type => this["langwatch.span.type"];

    /// <summary>The events that nobody consumed.</summary>
    public IReadOnlyList<string> RemainingEvents
    {
        get
        {
            var remaining = new List<string>();
            foreach (var happened in _span.Events)
            {
                if (!happened.IsConsumed) remaining.Add(_span.Text(happened.Name));
            }

            return remaining;
        }
    }

    /// <summary>Runs one canonicaliser alone.</summary>
    public static CanonicalRun Of<TCanonicaliser>(SampleSpan span) => new(span, [typeof(TCanonicaliser)]);

    /// <summary>Runs all of them.</summary>
    public static CanonicalRun OfAll(SampleSpan span) => new(span, []);

    /// <summary>Whether an attribute is still in the bag.</summary>
    public bool IsInBag(string name) => _span.Has(_names.Of(name));
}

using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Traceloop's OpenLLMetry.</summary>
internal sealed class TraceloopCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private readonly AttributeName _kind = names.Of("traceloop.span.kind");
    private readonly AttributeName[] _inputs = names.Of(["traceloop.entity.input"]);
    private readonly AttributeName[] _outputs = names.Of(["traceloop.entity.output"]);

    public void Canonicalise(CanonicalSpan span)
    {
        if (span.TryTake(out var kind, _kind) && SpanTypes.Find(span, kind, ignoreCase: true) is { } type) span.InferType(type);
        Messages.TakeInput(span, names, _inputs);
        Messages.TakeOutput(span, names, _outputs);
    }
}

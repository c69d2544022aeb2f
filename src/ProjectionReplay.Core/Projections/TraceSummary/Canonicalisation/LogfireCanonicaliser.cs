using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Pydantic's Logfire.</summary>
internal sealed class LogfireCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private readonly AttributeName[] _inputs = names.Of(["raw_input"]);
    private readonly AttributeName[] _contents = names.Of("message", "content", "text");

    public void Canonicalise(CanonicalSpan span)
    {
        Messages.TakeInput(span, names, _inputs);
        Messages.TakeOutputEvents(span, names, "gen_ai.choice", ReadChoice);

        // It is still there when the span has messages besides.
        if (span.Has(_inputs[0])) span.InferType(SpanTypes.Llm);
    }

    private EcmaScriptRecord? ReadChoice(CanonicalSpan span, AttributeTable attributes)
    {
        foreach (var name in _contents)
        {
            if (attributes.TryGet(name, out var value)) return Messages.Of("assistant", span.Parsed(value));
        }

        return null;
    }
}

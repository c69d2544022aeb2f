using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Guesses what a span is of that does not say it.</summary>
internal sealed class FallbackCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private readonly AttributeName _operation = names.Of("operation.name");
    private readonly AttributeName _toolName = names.Of("ai.toolCall.name");
    private readonly AttributeName[] _agents = names.Of("gen_ai.agent.name", "agent.name", "gen_ai.agent");
    private readonly AttributeName[] _models = names.Of(
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.operation.name",
        "ai.prompt",
        "ai.response",
        "ai.model",
        "ai.usage",
        "llm.model_name",
        "llm.invocation_parameters",
        "llm.input_messages",
        "llm.output_messages");

    public void Canonicalise(CanonicalSpan span)
    {
        if (span.Has(names.SpanType)) return;
        if (span.Is(_operation, "ai.toolCall") || span.Has(_toolName) || span.Is(names.Operation, "tool"))
        {
            span.Set(names.SpanType, SpanTypes.Tool);
        }
        else if (span.HasAny(_agents)) span.Set(names.SpanType, SpanTypes.Agent);
        else if (span.HasAny(_models)) span.Set(names.SpanType, SpanTypes.Llm);
    }
}

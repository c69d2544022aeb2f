using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Mastra, which says by words of its own what a span is of.</summary>
internal sealed class MastraCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private static readonly (string Mastra, string Type)[] Types =
    [
        ("agent_run", SpanTypes.Agent),
        ("workflow_run", SpanTypes.Workflow),
        ("workflow_conditional", SpanTypes.Workflow),
        ("workflow_conditional_eval", SpanTypes.Workflow),
        ("workflow_parallel", SpanTypes.Workflow),
        ("workflow_loop", SpanTypes.Workflow),
        ("workflow_sleep", SpanTypes.Workflow),
        ("workflow_wait_event", SpanTypes.Workflow),
        ("model_generation", SpanTypes.Llm),
        ("model_step", SpanTypes.Llm),
        ("model_chunk", SpanTypes.Llm),
        ("tool_call", SpanTypes.Tool),
        ("mcp_tool_call", "mcp_tool"),
    ];

    private readonly AttributeName _type = names.Of("mastra.span.type");

    public void Canonicalise(CanonicalSpan span)
    {
        if (!span.IsScope("@mastra/otel") || span.Has(names.SpanType)) return;
        span.Set(names.SpanType, TypeOf(span));
    }

    private string TypeOf(CanonicalSpan span)
    {
        if (!span.TryGet(out var value, _type)) return SpanTypes.Span;
        foreach (var (mastra, type) in Types)
        {
            if (span.Is(value, mastra)) return type;
        }

        return SpanTypes.Span;
    }
}

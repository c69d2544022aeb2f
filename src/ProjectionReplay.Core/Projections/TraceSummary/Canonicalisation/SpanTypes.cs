namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>What a span can be of.</summary>
internal static class SpanTypes
{
    public const string Llm = "llm";
    public const string Tool = "tool";
    public const string Agent = "agent";
    public const string Rag = "rag";
    public const string Span = "span";
    public const string Server = "server";
    public const string Client = "client";
    public const string Producer = "producer";
    public const string Consumer = "consumer";
    public const string Workflow = "workflow";
    public const string Component = "component";
    public const string Evaluation = "evaluation";
    public const string Guardrail = "guardrail";

    /// <summary>The types that a span may claim by itself.</summary>
    private static readonly string[] Claimable = [Span, Llm, Tool, Agent, Rag, Server, Client, Producer, Consumer];

    /// <summary>Whether a span came as one that judges others.</summary>
    public static bool IsJudge(CanonicalSpan span, Decoding.AttributeNames names) =>
        span.Is(names.SpanType, Evaluation) || span.Is(names.SpanType, Guardrail);

    /// <summary>Finds a type that a span may claim.</summary>
    /// <param name="span">The span.</param>
    /// <param name="value">What it claims.</param>
    /// <param name="ignoreCase">Whether case does not matter.</param>
    /// <returns>Null when it is no such type.</returns>
    public static string? Find(CanonicalSpan span, in Decoding.AttributeValue value, bool ignoreCase = false)
    {
        if (value.Kind != Decoding.AttributeKind.Text) return null;
        if (ignoreCase)
        {
            // Not a comparison that ignores case: that would take more for the same than lower-casing does.
            var text = span.Text(value).ToLowerInvariant();
            return Array.Find(Claimable, type => type == text);
        }

        foreach (var type in Claimable)
        {
            if (span.Is(value, type)) return type;
        }

        return null;
    }
}

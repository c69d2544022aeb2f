using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>Which models a span called, and how many tokens went in and came out.</summary>
internal sealed class SpanUsage(AttributeNames names)
{
    private readonly AttributeName[] _models = names.Of("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "ai.model");
    private readonly AttributeName[] _prompt = names.Of("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens");
    private readonly AttributeName[] _completion = names.Of("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens");
    private readonly AttributeName _estimated = names.Of("langwatch.tokens.estimated");

    /// <summary>Adds the models to those of the trace.</summary>
    /// <returns>The one that the tokens are paid for, or null when no model was called.</returns>
    public string? AddModels(CanonicalSpan span, ModelSet models)
    {
        string? paid = null;
        foreach (var name in _models)
        {
            if (!span.TryGetFinal(name, out var value) || !SpanPayload.IsFilled(value)) continue;
            var model = models.Add(span, value);
            paid ??= model;
        }

        return paid;
    }

    /// <summary>The tokens that went in; 0 when it is not said.</summary>
    public double PromptTokens(CanonicalSpan span) => FirstPositive(span, _prompt);

    /// <summary>The tokens that came out; 0 when it is not said.</summary>
    public double CompletionTokens(CanonicalSpan span) => FirstPositive(span, _completion);

    /// <summary>Whether the tokens were not counted but guessed.</summary>
    public bool IsEstimated(CanonicalSpan span) =>
        span.TryGetFinal(_estimated, out var value) && value is { Kind: AttributeKind.Boolean, Boolean: true };

    private static double FirstPositive(CanonicalSpan span, AttributeName[] candidates)
    {
        foreach (var name in candidates)
        {
            if (span.TryGetFinal(name, out var value) && value is { Kind: AttributeKind.Number, Number: > 0 }) return value.Number;
        }

        return 0;
    }
}

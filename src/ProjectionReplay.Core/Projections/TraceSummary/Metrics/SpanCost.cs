using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>What a span costs: by rates of its own, by the price table, or as it says itself.</summary>
internal sealed class SpanCost(AttributeNames names, Lazy<ModelPrices> prices)
{
    private readonly AttributeName _inputRate = names.Of("langwatch.model.inputCostPerToken");
    private readonly AttributeName _outputRate = names.Of("langwatch.model.outputCostPerToken");
    private readonly AttributeName _cost = names.Of("langwatch.span.cost");

    /// <summary>The cost in USD; 0 when it is not known.</summary>
    /// <param name="span">The canonical span.</param>
    /// <param name="model">The model that was called, or null.</param>
    /// <param name="promptTokens">The tokens that went in.</param>
    /// <param name="completionTokens">The tokens that came out.</param>
    public double Of(CanonicalSpan span, string? model, double promptTokens, double completionTokens)
    {
        if (model is not null && (promptTokens > 0 || completionTokens > 0))
        {
            return TryGetRates(span, out var price) || prices.Value.TryFind(model, out price)
                ? price.Of(promptTokens, completionTokens)
                : 0;
        }

        return span.TryGetFinal(_cost, out var cost) && cost is { Kind: AttributeKind.Number, Number: > 0 } ? cost.Number : 0;
    }

    /// <summary>The tenant's own rates, which were put on the span when it came in. One of them is enough.</summary>
    private bool TryGetRates(CanonicalSpan span, out ModelPrice price)
    {
        var hasInput = span.TryGetFinal(_inputRate, out var input) && input.Kind == AttributeKind.Number;
        var hasOutput = span.TryGetFinal(_outputRate, out var output) && output.Kind == AttributeKind.Number;
        price = new ModelPrice(hasInput ? input.Number : 0, hasOutput ? output.Number : 0);
        return hasInput || hasOutput;
    }
}

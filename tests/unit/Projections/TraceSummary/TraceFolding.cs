using ProjectionReplay.Golden;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>Folds spans that tests make up, with prices of their own.</summary>
internal static class TraceFolding
{
    /// <summary>gpt-4o at 2.5 and 10 USD for a million tokens, and an embedding model.</summary>
    public static readonly ModelPrices Prices = new(
    [
        new("openai/gpt-4o", new ModelPrice(2.5e-6, 1e-5)),
        new("meta-llama/llama-3.1-8b-instruct", new ModelPrice(1e-6, 2e-6)),
        new("azure/embed", new ModelPrice(1e-7, 0)),
    ]);

    /// <summary>A projection with those prices.</summary>
    public static TraceSummaryProjection Projection() => new(new Lazy<ModelPrices>(Prices));

    /// <summary>What some spans, in that order, come to.</summary>
    public static Trace Fold(params SampleSpan[] spans) => Fold(spans.Select(span => span.ToRow()));

    /// <summary>What some events, in that order, come to.</summary>
    public static Trace Fold(IEnumerable<EventLogRow> rows)
    {
        var projection = Projection();
        Trace? trace = null;
        foreach (var row in rows)
        {
            var replayed = row.ToReplayEvent();
            trace = projection.Apply(trace ?? projection.CreateState(replayed), replayed);
        }

        return trace!;
    }

    /// <summary>What one payload comes to.</summary>
    public static Trace FoldJson(string payload) => Fold([SampleEvent.Of("lw.obs.trace.span_received", payload)]);
}

using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>The model that a span called, for instrumentations that know only one name for it.</summary>
internal static class ModelNames
{
    /// <summary>Takes the name of the model asked for, and of the one that answered, unless the span says either.</summary>
    /// <param name="span">The span.</param>
    /// <param name="names">The names.</param>
    /// <param name="source">The attribute that has it; taken in any case.</param>
    /// <param name="read">Makes a name of it, or none.</param>
    public static void Take(
        CanonicalSpan span, AttributeNames names, AttributeName source, Func<CanonicalSpan, AttributeValue, AttributeValue> read)
    {
        if (span.Has(names.RequestModel) || span.Has(names.ResponseModel) || !span.TryTake(out var value, source)) return;
        var model = read(span, value);
        if (!span.IsNotBlank(model)) return;
        span.Set(names.RequestModel, model);
        span.Set(names.ResponseModel, model);
    }
}

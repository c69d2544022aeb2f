namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>
/// Knows how one style of instrumentation names things, and says the same in the canonical names. Immutable and safe for
/// concurrent use.
/// </summary>
internal interface ICanonicaliser
{
    /// <summary>Takes from the span what it knows, and sets what that means.</summary>
    void Canonicalise(CanonicalSpan span);
}

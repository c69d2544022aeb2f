namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>
/// What is asked of a span's canonical form besides its essence. What is costly to find out, and nobody asks for, is
/// left out.
/// </summary>
[Flags]
internal enum CanonicalParts
{
    /// <summary>Type, models, tokens, cost and identities.</summary>
    Essence = 0,

    /// <summary>What went into the span.</summary>
    Input = 1,

    /// <summary>What came out of it.</summary>
    Output = 2,

    /// <summary>What no summary tells: system instructions, request parameters, documents, error types.</summary>
    Details = 4,

    /// <summary>Everything.</summary>
    All = Input | Output | Details,
}

using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>All styles of instrumentation that are known.</summary>
internal static class Canonicalisers
{
    /// <summary>One of each, in the order they have to run: a later one overwrites what an earlier one set.</summary>
    public static IReadOnlyList<ICanonicaliser> Create(AttributeNames names) =>
    [
        new LangWatchCanonicaliser(names),
        new GenAiCanonicaliser(names),
        new MastraCanonicaliser(names),
        new OpenInferenceCanonicaliser(names),
        new TraceloopCanonicaliser(names),
        new VercelCanonicaliser(names),
        new StrandsCanonicaliser(names),
        new LogfireCanonicaliser(names),
        new HaystackCanonicaliser(names),
        new LegacyOtelCanonicaliser(names),
        new FallbackCanonicaliser(names),
    ];
}

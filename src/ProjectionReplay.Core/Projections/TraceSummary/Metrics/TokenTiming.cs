using System.Runtime.InteropServices;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>When a span's first and last token came, in ms from its start. NaN when an event had no time.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TokenTiming(double? First, double? Last)
{
    private const string Chunk = "gen_ai.content.chunk";

    public static TokenTiming Of(TraceSpan source, CanonicalSpan span)
    {
        double? first = null, last = null;
        foreach (var happened in span.Events)
        {
            if (happened.IsConsumed) continue;
            var delta = happened.TimeMs - source.StartMs;
            var isChunk = span.Is(happened.Name, Chunk);

            // NaN is neither less nor greater than anything: it stays when it comes first.
            if ((isChunk || span.Is(happened.Name, "first_token") || span.Is(happened.Name, "llm.first_token"))
                && (first is null || delta < first))
            {
                first = delta;
            }

            if ((isChunk || span.Is(happened.Name, "last_token") || span.Is(happened.Name, "llm.last_token"))
                && (last is null || delta > last))
            {
                last = delta;
            }
        }

        return new TokenTiming(first, last);
    }
}

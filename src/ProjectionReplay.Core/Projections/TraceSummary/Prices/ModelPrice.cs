using System.Runtime.InteropServices;

namespace ProjectionReplay.Projections.TraceSummary.Prices;

/// <summary>What a model costs.</summary>
/// <param name="Input">For each token that goes in, in USD.</param>
/// <param name="Output">For each token that comes out, in USD.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ModelPrice(double Input, double Output)
{
    /// <summary>What a call costs, in USD. Rounded as JavaScript does: each product, then the sum.</summary>
    public double Of(double promptTokens, double completionTokens) => (promptTokens * Input) + (completionTokens * Output);
}

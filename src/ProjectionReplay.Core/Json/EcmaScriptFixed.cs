using System.Globalization;

namespace ProjectionReplay.Json;

/// <summary>Rounding to a number of decimals as ECMAScript's <c>toFixed</c> does it: by the exact value of the double.</summary>
internal static class EcmaScriptFixed
{
    private const int Decimals = 6;
    private const uint Scale = 1_000_000;

    /// <summary>The bits of a double's fraction, the leading one not counted.</summary>
    private const int FractionBits = 52;

    /// <summary>The last integer from which on a double holds no fraction, and every integer before it.</summary>
    private const double MaxExactInteger = 9_007_199_254_740_992;

    /// <summary>
    /// What <c>Number(value.toFixed(6))</c> gives for a positive number: the nearest multiple of a millionth, exact ties
    /// up, and of that the nearest double.
    /// </summary>
    public static double Round6(double value)
    {
        if (!(value < MaxExactInteger)) return value;

        // Neither Math.Round nor decimal will do: both round the product first, and this must be exact. The product has
        // 73 bits at most.
        var bits = BitConverter.DoubleToUInt64Bits(value);
        var exponent = (int)(bits >> FractionBits);
        if (exponent == 0) return 0;
        var significand = (bits & ((1UL << FractionBits) - 1)) | (1UL << FractionBits);
        var shift = 1023 + FractionBits - exponent;
        if (shift <= 0) return value;
        if (shift > 100) return 0;
        var product = (UInt128)significand * Scale;
        var millionths = (product + (UInt128.One << (shift - 1))) >> shift;
        if (millionths < (UInt128)MaxExactInteger) return (double)millionths / Scale;

        var (whole, rest) = UInt128.DivRem(millionths, Scale);
        return double.Parse(
            string.Create(CultureInfo.InvariantCulture, $"{whole}.{rest.ToString(CultureInfo.InvariantCulture).PadLeft(Decimals, '0')}"),
            NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture);
    }
}

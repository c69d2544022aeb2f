using System.Globalization;
using System.Text;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// OTLP's 64-bit integers, which JSON writes as text, as a number, or as two halves. All become doubles at once, as in
/// JavaScript: present-day nanoseconds are rounded to a multiple of 256, and stored times depend on it.
/// </summary>
internal static class OtlpInteger
{
    private const double NanosecondsPerMillisecond = 1_000_000;

    /// <summary>The digits that every integer fits into.</summary>
    private const int SafeDigits = 19;

    /// <summary>Text, by its leading digits; NaN when it has none.</summary>
    public static double Parse(ReadOnlySpan<byte> utf8)
    {
        // An integer is rounded once, ties to even, on its way into a double: there is no need to parse it as one.
        if (utf8.Length is > 0 and <= SafeDigits && !utf8.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return ulong.Parse(utf8, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        return EcmaScriptNumberText.ParseIntegerPrefix(Encoding.UTF8.GetString(utf8));
    }

    /// <summary>The halves <c>{high, low}</c>; <c>high</c> has the sign.</summary>
    /// <exception cref="MalformedSpanException">A half is not an integer.</exception>
    public static double Combine(EcmaScriptValue high, EcmaScriptValue low, JsonPath path)
    {
        var upper = Half(high, path.Member("high"));
        var lower = Half(low, path.Member("low"));
        return unchecked((long)((ulong)upper << 32 | (uint)lower));
    }

    /// <summary>Nanoseconds to milliseconds, halves up.</summary>
    public static double ToMilliseconds(double nanoseconds) => EcmaScriptNumber.RoundHalfUp(nanoseconds / NanosecondsPerMillisecond);

    private static long Half(EcmaScriptValue half, JsonPath path) =>
        half.Kind == EcmaScriptKind.Number && half.Number == Math.Floor(half.Number) && Math.Abs(half.Number) < long.MaxValue
            ? (long)half.Number
            : throw path.Fault("must be an integer");
}

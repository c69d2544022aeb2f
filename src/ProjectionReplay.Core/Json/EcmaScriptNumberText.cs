using System.Globalization;

namespace ProjectionReplay.Json;

/// <summary>
/// Numbers read out of text as ECMAScript does it: by prefix, as <c>parseInt</c> and <c>parseFloat</c> do, or whole, as
/// <c>Number</c> does. What is no number is NaN.
/// </summary>
internal static class EcmaScriptNumberText
{
    private const string Infinity = "Infinity";

    /// <summary>
    /// What <c>parseInt(text, 10)</c> gives: white space, a sign, decimal digits, and whatever follows. Digits beyond
    /// what a double holds are rounded to the nearest one.
    /// </summary>
    public static double ParseIntegerPrefix(ReadOnlySpan<char> text)
    {
        text = EcmaScriptText.TrimStart(text);
        var length = SkipDigits(text, SkipSign(text));
        return length == SkipSign(text) ? double.NaN : Parse(text[..length]);
    }

    /// <summary>
    /// What <c>parseFloat(text)</c> gives: white space, a sign, then <c>Infinity</c> or a decimal number, and whatever
    /// follows. An exponent counts when it is complete.
    /// </summary>
    public static double ParseFloatPrefix(ReadOnlySpan<char> text)
    {
        text = EcmaScriptText.TrimStart(text);
        if (text[SkipSign(text)..].StartsWith(Infinity, StringComparison.Ordinal)) return SignedInfinity(text);
        return MeasureDecimal(text) is > 0 and var length ? Parse(text[..length]) : double.NaN;
    }

    /// <summary>
    /// What <c>Number(text)</c> gives: the whole text, trimmed, has to be a decimal number, an infinity, or digits behind
    /// an unsigned <c>0x</c>, <c>0o</c> or <c>0b</c>. Blank text is 0.
    /// </summary>
    public static double Parse(string text)
    {
        var trimmed = EcmaScriptText.Trim(text);
        if (trimmed.IsEmpty) return 0;
        if (trimmed[SkipSign(trimmed)..].SequenceEqual(Infinity)) return SignedInfinity(trimmed);
        if (trimmed.Length > 2 && trimmed[0] == '0')
        {
            var radix = (trimmed[1] | ' ') switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 };
            if (radix > 0) return ParseRadix(trimmed[2..], radix);
        }

        return MeasureDecimal(trimmed) == trimmed.Length ? Parse(trimmed) : double.NaN;
    }

    private static double Parse(ReadOnlySpan<char> number) => double.Parse(
        number, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture);

    /// <summary>The digits of a power of two, rounded once, ties to even, however many there are.</summary>
    private static double ParseRadix(ReadOnlySpan<char> digits, int radix)
    {
        var bitsPerDigit = radix switch { 16 => 4, 8 => 3, _ => 1 };
        ulong bits = 0;
        var dropped = 0;
        var isSticky = false;
        foreach (var digit in digits)
        {
            var value = char.IsAsciiHexDigit(digit) ? Convert.ToInt32(digit.ToString(), 16) : radix;
            if (value >= radix) return double.NaN;
            for (var bit = bitsPerDigit - 1; bit >= 0; bit--)
            {
                var isSet = (value >> bit & 1) == 1;
                if (bits >> 62 == 0)
                {
                    bits = bits << 1 | (isSet ? 1UL : 0);
                    continue;
                }

                dropped++;
                isSticky |= isSet;
            }
        }

        return Math.ScaleB((double)(bits | (isSticky ? 1UL : 0)), dropped);
    }

    private static double SignedInfinity(ReadOnlySpan<char> text) => text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;

    /// <summary>How much of a text is a decimal number, sign, fraction and complete exponent included; 0 for nothing.</summary>
    private static int MeasureDecimal(ReadOnlySpan<char> text)
    {
        var start = SkipSign(text);
        var end = SkipDigits(text, start);
        var digits = end - start;
        if (end < text.Length && text[end] == '.')
        {
            var fraction = SkipDigits(text, end + 1);
            digits += fraction - end - 1;
            end = fraction;
        }

        if (digits == 0) return 0;
        if (end == text.Length || text[end] is not ('e' or 'E')) return end;
        var exponent = end + 1 + SkipSign(text[(end + 1)..]);
        var last = SkipDigits(text, exponent);
        return last > exponent ? last : end;
    }

    private static int SkipSign(ReadOnlySpan<char> text) => text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;

    private static int SkipDigits(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && char.IsAsciiDigit(text[position])) position++;
        return position;
    }
}

using System.Globalization;

namespace ProjectionReplay.Json;

/// <summary>
/// Numbers as ECMAScript writes and rounds them. The live system folds in JavaScript, and a replay must leave the very
/// same text and integers behind.
/// </summary>
internal static class EcmaScriptNumber
{
    /// <summary>Room for the longest text: a sign, 21 digits, a point and an exponent such as <c>e-324</c>.</summary>
    public const int MaxTextLength = 32;

    /// <summary>Plain notation ends here: 1e21 is the first value that is written with an exponent.</summary>
    private const int MaxPlainDigits = 21;

    /// <summary>Plain notation starts here: 0.000001 has five zeros between the point and its first digit.</summary>
    private const int MaxPlainZeros = 5;

    /// <summary>
    /// The text of a number, as <c>String(value)</c> gives it: the shortest digits that read back as the same double,
    /// <c>1e+21</c> and <c>1e-7</c> for the large and the small, <c>0</c> for minus zero, and the words
    /// <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c>.
    /// </summary>
    public static string ToText(double value)
    {
        if (double.IsNaN(value)) return "NaN";
        if (double.IsInfinity(value)) return value > 0 ? "Infinity" : "-Infinity";
        Span<char> text = stackalloc char[MaxTextLength];
        return new string(text[..Format(value, text)]);
    }

    /// <summary>Writes the text of a finite number.</summary>
    /// <param name="value">The number; finite.</param>
    /// <param name="destination">At least <see cref="MaxTextLength"/> characters.</param>
    /// <returns>The number of characters written.</returns>
    public static int Format(double value, Span<char> destination)
    {
        if (value == 0)
        {
            destination[0] = '0';
            return 1;
        }

        // .NET finds the same shortest digits, but switches to exponents at other magnitudes and writes them otherwise.
        Span<char> shortest = stackalloc char[MaxTextLength];
        value.TryFormat(shortest, out var length, "R", CultureInfo.InvariantCulture);
        Span<char> digits = stackalloc char[MaxTextLength];
        var (count, point) = Decompose(shortest[..length], digits);

        var written = 0;
        if (value < 0) destination[written++] = '-';
        return written + Compose(digits[..count], point, destination[written..]);
    }

    /// <summary>
    /// The nearest integer, ties towards positive infinity, as <c>Math.round</c> gives it: 2.5 becomes 3 and -2.5
    /// becomes -2. NaN and the infinities stay as they are.
    /// </summary>
    public static double RoundHalfUp(double value)
    {
        // Not Floor(value + 0.5): the sum may itself be rounded up, as it is for 0.49999999999999994.
        var floor = Math.Floor(value);
        return value - floor >= 0.5 ? floor + 1 : floor;
    }

    /// <summary>
    /// Takes the significant digits out of .NET's text, and where the decimal point stands relative to the first one.
    /// </summary>
    private static (int Count, int Point) Decompose(ReadOnlySpan<char> text, Span<char> digits)
    {
        var exponent = 0;
        if (text.IndexOf('E') is >= 0 and var mark)
        {
            exponent = int.Parse(text[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..mark];
        }

        var count = 0;
        var point = 0;
        var beforePoint = true;
        foreach (var character in text)
        {
            if (character == '-') continue;
            if (character == '.')
            {
                beforePoint = false;
                continue;
            }

            if (count == 0 && character == '0')
            {
                if (!beforePoint) point--;
                continue;
            }

            digits[count++] = character;
            if (beforePoint) point++;
        }

        while (digits[count - 1] == '0') count--;
        return (count, point + exponent);
    }

    /// <summary>Number::toString of ECMA-262, from digits <c>d1 d2 …</c> that stand for <c>0.d1d2… × 10^point</c>.</summary>
    private static int Compose(ReadOnlySpan<char> digits, int point, Span<char> destination)
    {
        var length = 0;
        if (point is > 0 and <= MaxPlainDigits)
        {
            var whole = Math.Min(point, digits.Length);
            Append(digits[..whole], destination, ref length);
            for (var i = whole; i < point; i++) destination[length++] = '0';
            if (digits.Length == whole) return length;
            destination[length++] = '.';
            Append(digits[whole..], destination, ref length);
            return length;
        }

        if (point is <= 0 and >= -MaxPlainZeros)
        {
            Append("0.", destination, ref length);
            for (var i = point; i < 0; i++) destination[length++] = '0';
            Append(digits, destination, ref length);
            return length;
        }

        destination[length++] = digits[0];
        if (digits.Length > 1)
        {
            destination[length++] = '.';
            Append(digits[1..], destination, ref length);
        }

        var exponent = point - 1;
        Append(exponent < 0 ? "e-" : "e+", destination, ref length);
        Math.Abs(exponent).TryFormat(destination[length..], out var exponentLength, provider: CultureInfo.InvariantCulture);
        return length + exponentLength;

        static void Append(ReadOnlySpan<char> text, Span<char> destination, ref int length)
        {
            text.CopyTo(destination[length..]);
            length += text.Length;
        }
    }
}

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// Base64 as the live system reads it: both alphabets, foreign characters passed over, the end at the first <c>=</c>,
/// bits that make no byte dropped. Never fails.
/// </summary>
internal static class LenientBase64
{
    public static byte[] Decode(ReadOnlySpan<char> text)
    {
        var bytes = new List<byte>((text.Length * 3 / 4) + 1);
        var (pending, count) = (0, 0);
        foreach (var character in text)
        {
            if (character == '=') break;
            var digit = Digit(character);
            if (digit < 0) continue;
            pending = (pending << 6 | digit) & 0xFFFF;
            count += 6;
            if (count < 8) continue;
            count -= 8;
            bytes.Add((byte)(pending >> count));
        }

        return [.. bytes];
    }

    private static int Digit(char character) => character switch
    {
        >= 'A' and <= 'Z' => character - 'A',
        >= 'a' and <= 'z' => character - 'a' + 26,
        >= '0' and <= '9' => character - '0' + 52,
        '+' or '-' => 62,
        '/' or '_' => 63,
        _ => -1,
    };
}

using System.Buffers;
using System.Globalization;
using System.Text;

namespace ProjectionReplay.Projections;

/// <summary>
/// Turns the inside of a JSON string into text as JavaScript would: lone surrogates stay, where System.Text.Json
/// refuses them, and bytes that are not UTF-8 become U+FFFD.
/// </summary>
internal static class PayloadText
{
    /// <summary>Text up to this many characters is put together on the stack.</summary>
    private const int MaxStackLength = 256;

    /// <summary>Decodes what stands between the quotes of a JSON string whose escapes are known to be well-formed.</summary>
    /// <param name="json">The bytes between the quotes.</param>
    /// <param name="isEscaped">Whether there is an escape among them.</param>
    public static string Decode(ReadOnlySpan<byte> json, bool isEscaped)
    {
        if (!isEscaped) return Encoding.UTF8.GetString(json);
        if (json.Length <= MaxStackLength) return Unescape(json, stackalloc char[MaxStackLength]);

        var characters = ArrayPool<char>.Shared.Rent(json.Length);
        try
        {
            return Unescape(json, characters);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    private static string Unescape(ReadOnlySpan<byte> json, Span<char> characters)
    {
        // No byte makes more than one UTF-16 unit, so that the characters cannot run out.
        var length = 0;
        while (json.IndexOf((byte)'\\') is >= 0 and var backslash)
        {
            length += Encoding.UTF8.GetChars(json[..backslash], characters[length..]);
            var escape = json[backslash + 1];
            json = json[(backslash + 2)..];
            characters[length++] = escape switch
            {
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                (byte)'u' => (char)ushort.Parse(json[..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                _ => (char)escape,
            };
            if (escape == (byte)'u') json = json[4..];
        }

        length += Encoding.UTF8.GetChars(json, characters[length..]);
        return new string(characters[..length]);
    }
}

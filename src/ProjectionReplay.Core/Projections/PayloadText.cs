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
        if (!isEscaped) return RecentTexts.Get(json);
        if (json.Length <= MaxStackLength)
        {
            Span<char> text = stackalloc char[MaxStackLength];
            return new string(text[..Unescape(json, text)]);
        }

        var characters = ArrayPool<char>.Shared.Rent(json.Length);
        try
        {
            return new string(characters.AsSpan(0, Unescape(json, characters)));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    /// <summary>Decodes into characters.</summary>
    /// <param name="json">The bytes between the quotes.</param>
    /// <param name="isEscaped">Whether there is an escape among them.</param>
    /// <param name="characters">As many as there are bytes, at least.</param>
    /// <returns>The number of characters written.</returns>
    public static int Decode(ReadOnlySpan<byte> json, bool isEscaped, Span<char> characters) =>
        isEscaped ? Unescape(json, characters) : Encoding.UTF8.GetChars(json, characters);

    private static int Unescape(ReadOnlySpan<byte> json, Span<char> characters)
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

        return length + Encoding.UTF8.GetChars(json, characters[length..]);
    }
}

using System.Buffers;

namespace ProjectionReplay.Json;

/// <summary>Text as ECMAScript trims it: with U+FEFF, which .NET keeps, and without U+0085, which .NET trims.</summary>
internal static class EcmaScriptText
{
    private static readonly SearchValues<char> WhiteSpace = SearchValues.Create(
        "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff");

    /// <summary>What <c>text.trim()</c> leaves.</summary>
    public static ReadOnlySpan<char> Trim(ReadOnlySpan<char> text)
    {
        text = TrimStart(text);
        return text[..(text.LastIndexOfAnyExcept(WhiteSpace) + 1)];
    }

    /// <summary>What <c>text.trimStart()</c> leaves.</summary>
    public static ReadOnlySpan<char> TrimStart(ReadOnlySpan<char> text) =>
        text.IndexOfAnyExcept(WhiteSpace) is >= 0 and var start ? text[start..] : [];

    /// <summary>Whether nothing is left of a text once it is trimmed.</summary>
    public static bool IsBlank(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(WhiteSpace);
}

using System.Globalization;
using System.Text;

namespace ProjectionReplay.Faults;

/// <summary>Text of others, fit to be shown: none of it can steer a terminal, or look like something else than it is.</summary>
internal static class SafeText
{
    private const int Longest = 200;

    /// <summary>Text in which controls, breaks and marks of direction stand as escapes.</summary>
    public static string Show(string text)
    {
        if (!text.Any(IsUnsafe)) return text;
        var shown = new StringBuilder();
        foreach (var letter in text)
        {
            if (IsUnsafe(letter)) shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else shown.Append(letter);
        }

        return shown.ToString();
    }

    /// <summary>A name, in quotes, of a length that leaves room for others.</summary>
    public static string Quote(string name)
    {
        var text = Show(name);
        return text.Length > Longest ? $"'{text.AsSpan(0, Longest)}...'" : $"'{text}'";
    }

    private static bool IsUnsafe(char letter) => char.GetUnicodeCategory(letter)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}

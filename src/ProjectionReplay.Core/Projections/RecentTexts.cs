using System.Text;

namespace ProjectionReplay.Projections;

/// <summary>
/// The short texts that a thread has met last: names, types and statuses are the same few in event after event, and
/// need no string of their own each time.
/// </summary>
internal static class RecentTexts
{
    private const int Count = 256;
    private const int MaxLength = 48;

    [ThreadStatic]
    private static string?[]? t_texts;

    /// <summary>The text of some UTF-8.</summary>
    public static string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is 0 or > MaxLength) return Encoding.UTF8.GetString(utf8);
        var texts = t_texts ??= new string?[Count];
        var place = (utf8[0] + (utf8[utf8.Length / 2] * 3) + (utf8[^1] * 7) + (utf8.Length * 31)) % Count;

        // Says no to anything but ASCII, whose strings are then made as ever.
        return texts[place] is { } recent && Ascii.Equals(utf8, recent) ? recent : texts[place] = Encoding.UTF8.GetString(utf8);
    }
}

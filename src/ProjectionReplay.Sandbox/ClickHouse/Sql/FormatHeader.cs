namespace ProjectionReplay.Sandbox.ClickHouse.Sql;

/// <summary>
/// The header of an output format. The engine makes every chunk of a stream a document of its own,
/// so all but the first chunk's headers must go.
/// </summary>
internal enum FormatHeader
{
    None,
    OneLine,
    TwoLines,
    OneQuotedLine,
    TwoQuotedLines,
    BinaryNames,
    BinaryNamesAndTypes,
}

internal static class FormatHeaderExtensions
{
    /// <summary>How many bytes of the chunk are header.</summary>
    public static int LengthIn(this FormatHeader header, ReadOnlySpan<byte> chunk) => header switch
    {
        FormatHeader.OneLine => Lines(chunk, 1, quotes: false),
        FormatHeader.TwoLines => Lines(chunk, 2, quotes: false),
        FormatHeader.OneQuotedLine => Lines(chunk, 1, quotes: true),
        FormatHeader.TwoQuotedLines => Lines(chunk, 2, quotes: true),
        FormatHeader.BinaryNames => Strings(chunk, 1),
        FormatHeader.BinaryNamesAndTypes => Strings(chunk, 2),
        _ => 0,
    };

    private static int Lines(ReadOnlySpan<byte> chunk, int count, bool quotes)
    {
        var quoted = false;
        for (var i = 0; i < chunk.Length; i++)
        {
            // CSV headers quote names, and a name may hold a line break.
            if (quotes && chunk[i] == '"')
                quoted = !quoted;
            else if (chunk[i] == '\n' && !quoted && --count == 0)
                return i + 1;
        }
        return chunk.Length;
    }

    /// <summary>A count of columns, then that many length-prefixed strings, once or twice over.</summary>
    private static int Strings(ReadOnlySpan<byte> chunk, int times)
    {
        var at = 0;
        var columns = ReadLength(chunk, ref at);
        for (var i = 0; i < columns * times; i++)
        {
            var length = ReadLength(chunk, ref at);
            at += length;
        }
        return at;
    }

    private static int ReadLength(ReadOnlySpan<byte> chunk, ref int at)
    {
        var value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = chunk[at++];
            value |= (next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
    }
}

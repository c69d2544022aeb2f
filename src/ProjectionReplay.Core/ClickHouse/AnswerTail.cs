using System.Text;
using System.Text.RegularExpressions;
using ClickHouse.Driver;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// The last bytes of an answer. A server that fails after it has sent its status can only append its words to the rows:
/// see WriteBufferFromHTTPServerResponse.cpp of ClickHouse. Not thread-safe.
/// </summary>
internal sealed partial class AnswerTail
{
    /// <summary>Longer than what servers say, stack traces aside.</summary>
    public const int Length = 16 * 1024;

    private readonly byte[] _bytes = new byte[Length];
    private int _count;

    /// <summary>Takes the next bytes.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= Length)
        {
            bytes[^Length..].CopyTo(_bytes);
            _count = Length;
            return;
        }

        var kept = Math.Min(_count, Length - bytes.Length);
        Buffer.BlockCopy(_bytes, _count - kept, _bytes, 0, kept);
        bytes.CopyTo(_bytes.AsSpan(kept));
        _count = kept + bytes.Length;
    }

    /// <summary>The error that the answer ends with, or null.</summary>
    public ClickHouseServerException? FindError() => FindError(_bytes.AsSpan(0, _count));

    /// <summary>The error that some bytes end with, or null.</summary>
    internal static ClickHouseServerException? FindError(ReadOnlySpan<byte> bytes)
    {
        // A payload may well speak of such an error, so the words must be the very last there is.
        var text = Encoding.UTF8.GetString(bytes);
        var match = Tagged().Match(text);
        if (!match.Success) match = Plain().Match(text);
        return match.Success ? ClickHouseServerException.FromServerResponse(match.Groups["words"].Value.Trim(), "") : null;
    }

    /// <summary>Of 25.11 and later: a block between two marks, with a tag of the answer's own.</summary>
    [GeneratedRegex(
        @"__exception__\r\n\k<tag>\r\n(?<words>.*)\n\d+ (?<tag>\w{1,64})\r\n__exception__\r\n\z",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.RightToLeft | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tagged();

    /// <summary>Of servers before: the words alone, or behind a mark; and they end with the server's version.</summary>
    [GeneratedRegex(
        @"(?<words>Code: \d+\. DB::Exception: [^\x00-\x08]*\(version [^()]*(\([^()]*\))?\))\s*\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Plain();
}

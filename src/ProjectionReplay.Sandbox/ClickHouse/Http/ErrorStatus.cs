using System.Globalization;
using System.Text.RegularExpressions;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>Which HTTP status a server gives to an error of the engine.</summary>
internal static partial class ErrorStatus
{
    /// <summary>The number in <c>Code: N. DB::Exception</c>; 1002 (UNKNOWN_EXCEPTION) when there is none.</summary>
    public static int CodeOf(string message) =>
        CodePattern().Match(message) is { Success: true } match
            ? int.Parse(match.Groups["code"].ValueSpan, CultureInfo.InvariantCulture)
            : 1002;

    public static int StatusOf(int code) => code switch
    {
        194 => 401, // REQUIRED_PASSWORD
        192 or 193 or 516 => 403, // UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED
        46 or 47 or 50 or 56 or 60 or 63 or 73 or 78 or 81 or 115 or 336 => 404, // UNKNOWN_... (function, table, setting and so on)
        6 or 8 or 15 or 25 or 26 or 27 or 36 or 38 or 41 or 43 or 44 or 53 or 62 or 72 or 117 or 321 or 376 => 400, // what cannot be parsed
        159 => 408, // TIMEOUT_EXCEEDED
        48 => 501, // NOT_IMPLEMENTED
        439 => 503, // CANNOT_SCHEDULE_TASK
        _ => 500,
    };

    [GeneratedRegex(@"^Code: (?<code>\d+)\.", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodePattern();
}

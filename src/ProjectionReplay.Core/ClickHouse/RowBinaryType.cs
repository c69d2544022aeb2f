using System.Text.RegularExpressions;

namespace ProjectionReplay.ClickHouse;

/// <summary>Tells which types of ClickHouse have the same bytes in RowBinary.</summary>
internal static partial class RowBinaryType
{
    /// <summary>Whether values written as one type may be read as another.</summary>
    public static bool AreSame(string written, string read) => Plain(written) == Plain(read);

    /// <summary>A dictionary, and the time zone that a moment is shown in, leave no trace in the bytes.</summary>
    private static string Plain(string type) =>
        TimeZone().Replace(LowCardinality().Replace(type, "${type}"), "").Replace(" ", "", StringComparison.Ordinal);

    [GeneratedRegex(@"LowCardinality\((?<type>Nullable\(\w+\)|\w+)\)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LowCardinality();

    [GeneratedRegex(@"(?<=DateTime64\(\d+), *'[^']*'", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TimeZone();
}

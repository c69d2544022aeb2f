using System.Text.RegularExpressions;
using ProjectionReplay.Tables;

namespace ProjectionReplay.ClickHouse;

/// <summary>Tells which types of ClickHouse have the same bytes in RowBinary.</summary>
internal static partial class RowBinaryType
{
    /// <summary>Whether values written as one type may be read as another.</summary>
    public static bool AreSame(string written, string read) => Plain(written) == Plain(read);

    /// <summary>A column whose bytes are read as one of some types, and would be misread if it had another.</summary>
    public static RequiredColumn Read(string name, params string[] types) => new(
        name, types[0], found => types.Any(type => AreSame(type, found)) ? TableVerdict.Good : TableVerdict.Unusable);

    /// <summary>A column that values of a type are written to. The server converts them where the column's type is another.</summary>
    public static RequiredColumn Written(string name, string type) => new(
        name, type, found => AreSame(Flag(type), Flag(found)) ? TableVerdict.Good : TableVerdict.Doubtful);

    /// <summary>Flags are 0 and 1 in either type: their conversion loses nothing.</summary>
    private static string Flag(string type) => type.Replace("Bool", "UInt8", StringComparison.Ordinal);

    /// <summary>A dictionary, and the time zone that a moment is shown in, leave no trace in the bytes.</summary>
    private static string Plain(string type) =>
        TimeZone().Replace(LowCardinality().Replace(type, "${type}"), "").Replace(" ", "", StringComparison.Ordinal);

    [GeneratedRegex(
        @"LowCardinality\((?<type>Nullable\(\w+\)|\w+)\)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex LowCardinality();

    [GeneratedRegex(
        @"(?<=DateTime64\(\d+), *'[^']*'", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TimeZone();
}

using ClickHouse.Driver;

namespace ProjectionReplay.ClickHouse;

/// <summary>An insert.</summary>
/// <param name="Table">The table, unquoted.</param>
/// <param name="Columns">The columns with the types that the values are written as.</param>
internal sealed record ClickHouseInsert(string Table, IReadOnlyList<(string Name, string Type)> Columns)
{
    /// <summary>Whether the table's own types may differ, so that the server has to convert the values.</summary>
    public bool IsConverted { get; init; }

    /// <summary>Whether it touches more partitions than a server allows unless it is told.</summary>
    public bool HasManyPartitions { get; init; }

    /// <summary>Whether a server refused an insert because it does. It would refuse it the next time too.</summary>
    public static bool IsRefusedForPartitions(ClickHouseServerException exception)
    {
        const int TooManyParts = 252;
        return exception.ErrorCode == TooManyParts
            && exception.Message.Contains("partitions for single INSERT", StringComparison.Ordinal);
    }
}

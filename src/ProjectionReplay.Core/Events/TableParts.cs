using System.Globalization;
using ClickHouse.Driver;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Events;

/// <summary>How the parts of the event log are told from each other.</summary>
internal static class TableParts
{
    /// <summary>
    /// SQL for the number of the part that a row stands in. Servers name their parts alike, and a server that lags behind has
    /// other rows: so it is of the server as well. Of 48 bits, it is as good as unique.
    /// </summary>
    public const string Number = "bitAnd(cityHash64(hostName(), serverUUID(), _part), 281474976710655)";

    /// <summary>
    /// The parts that a table has by now, by <see cref="Number"/>; null when they are too many to name in
    /// a query, or the user may not know.
    /// </summary>
    public static async Task<IReadOnlyList<ulong>?> ListAsync(
        ClickHouseDatabase database, string table, CancellationToken cancellationToken)
    {
        const int Most = 5_000;
        IReadOnlyList<string[]> rows;
        try
        {
            rows = await database.QueryTextsAsync(
                """
                SELECT toString(bitAnd(cityHash64(hostName(), serverUUID(), name), 281474976710655))
                FROM system.parts
                WHERE database = currentDatabase() AND table = {table:String} AND active
                LIMIT {most:UInt64}
                """,
                [new("table", "String", table), new("most", "UInt64", (ulong)Most + 1)],
                columns: 1,
                cancellationToken).ConfigureAwait(false);
        }
        catch (ClickHouseServerException exception) when (exception.ErrorCode == AccessDenied)
        {
            // Servers may want a grant for that table, which none of the others need.
            return null;
        }

        return rows.Count > Most ? null : [.. rows.Select(row => ulong.Parse(row[0], CultureInfo.InvariantCulture))];
    }

    private const int AccessDenied = 497;

    /// <summary>Whether the user may ask which part a row of a table stands in.</summary>
    /// <param name="database">The database.</param>
    /// <param name="table">The table, unquoted, of a name that needs no quotes.</param>
    /// <param name="cancellationToken">Abandons the look.</param>
    public static async Task<bool> MayBeReadAsync(ClickHouseDatabase database, string table, CancellationToken cancellationToken)
    {
        try
        {
            await database.QueryTextsAsync(
                $"SELECT toString({Number}) FROM {table} LIMIT 0", [], columns: 1, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ClickHouseServerException)
        {
            // A user who may read some columns only may not read this one.
            return false;
        }
    }
}

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

    /// <summary>Whether a table of the database has parts of its own, which a view or a distributed table has not.</summary>
    /// <param name="database">The database.</param>
    /// <param name="table">The table, unquoted, of a name that needs no quotes.</param>
    /// <param name="cancellationToken">Abandons the look.</param>
    public static async Task<bool> HasAsync(ClickHouseDatabase database, string table, CancellationToken cancellationToken)
    {
        var engines = await database.QueryTextsAsync(
            "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
            [new("table", "String", table)],
            columns: 1,
            cancellationToken).ConfigureAwait(false);
        if (!engines.Any(row => row[0].EndsWith("MergeTree", StringComparison.Ordinal))) return false;
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

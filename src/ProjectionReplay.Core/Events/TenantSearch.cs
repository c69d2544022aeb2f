using System.Text;
using System.Text.Unicode;
using ClickHouse.Driver;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Events;

/// <summary>
/// Looks into the event log for somebody who is typing: tells what can be told at once, and costs the server little
/// however large the log is. Safe for concurrent use.
/// </summary>
internal sealed class TenantSearch(ClickHouseDatabase database)
{
    /// <summary>
    /// The key's first column as the sparse primary index has it, one row in some 8,000: no row of the table is read.
    /// It has every tenant but those whose few rows lie between two others' in every part of the table.
    /// </summary>
    private const string FromIndex = """
        SELECT DISTINCT TenantId
        FROM mergeTreeIndex(currentDatabase(), event_log)
        WHERE startsWith(TenantId, {start:String})
        LIMIT {limit:UInt64}
        SETTINGS max_threads = 2, max_execution_time = 2
        """;

    /// <summary>
    /// The rows themselves: all of them where the text that they start with leaves few, and no more than a moment's worth
    /// where it does not. It is a limit of rows and not of time, as that one keeps what was found by then.
    /// </summary>
    private const string FromRows = """
        SELECT DISTINCT TenantId
        FROM event_log
        WHERE startsWith(TenantId, {start:String})
        LIMIT {limit:UInt64}
        SETTINGS max_threads = 2, max_execution_time = 2, use_skip_indexes = 0, max_rows_to_read = 4000000, read_overflow_mode = 'break'
        """;

    /// <summary>Finds tenants whose id starts with a text, taken literally. May miss some of a very large log.</summary>
    /// <param name="start">The text; every tenant's id starts with an empty one.</param>
    /// <param name="limit">As many as are wanted at most.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    /// <returns>The ids in ordinal order; those that are not UTF-8 text are left out, as nobody can name them.</returns>
    public async Task<IReadOnlyList<string>> FindAsync(string start, int limit, CancellationToken cancellationToken)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        try
        {
            await ReadAsync(FromIndex, start, limit, found, cancellationToken).ConfigureAwait(false);
        }
        catch (ClickHouseServerException)
        {
            // An old server, a distributed table, or a user who may not look at the index: the rows are there.
        }

        try
        {
            if (found.Count < limit) await ReadAsync(FromRows, start, limit, found, cancellationToken).ConfigureAwait(false);
        }
        catch (ClickHouseServerException) when (found.Count > 0)
        {
            // A server that is too busy for it: most are known by now.
        }

        return [.. found.Take(limit)];
    }

    /// <summary>When the first of a tenant's events happened; null when it has none.</summary>
    /// <exception cref="ClickHouseServerException">It cannot be told within two seconds.</exception>
    public async Task<DateTimeOffset?> FindFirstTimestampAsync(string tenantId, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT if(count() = 0, 0, min(EventTimestamp) + 1)
            FROM event_log
            WHERE TenantId = {tenantId:String}
            """;

        var query = new ClickHouseQuery(Sql, [new("tenantId", "String", tenantId)])
        {
            Hints = "max_threads = 2, use_skip_indexes = 0, max_execution_time = 2",
        };
        var first = (await database.QueryNumbersAsync(query, columns: 1, cancellationToken).ConfigureAwait(false))[0];
        return first == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds((long)first - 1);
    }

    private async Task ReadAsync(string sql, string start, int limit, SortedSet<string> found, CancellationToken cancellationToken)
    {
        var reader = await database.QueryAsync(
            sql, [new("start", "String", start), new("limit", "UInt64", (ulong)limit)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader, found);
        }

        static void ReadAll(RowBinaryReader rows, SortedSet<string> found)
        {
            var cursor = new RowBinaryCursor(rows.Buffered);
            var consumed = 0;
            while (cursor.TryReadString(out var id))
            {
                if (Utf8.IsValid(id)) found.Add(Encoding.UTF8.GetString(id));
                consumed = cursor.Position;
            }

            rows.Advance(consumed);
        }
    }
}

using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using ProjectionReplay.Postgres;

namespace ProjectionReplay.Stores;

/// <summary>
/// Takes a baseline away from a tenant's counters, and from the ledger what it accounts for, in one transaction whose outcome can
/// be told even when its answer was lost.
/// </summary>
/// <param name="table">The counter table, for messages.</param>
/// <param name="quotedTable">The same, quoted.</param>
/// <param name="ledger">The projection's ledger.</param>
internal sealed class CounterSubtraction(string table, string quotedTable, ReplayLedger ledger)
{
    /// <summary>Whoever waits for a lock may hold others up, who come behind it.</summary>
    private static readonly TimeSpan LongestWaitForLocks = TimeSpan.FromSeconds(2);

    /// <summary>Takes it away, once. See <see cref="IProjectionStore{TState}.TakeAwayAsync"/>.</summary>
    public async Task<bool> TakeAwayAsync(NpgsqlConnection connection, CounterBaseline baseline, CancellationToken cancellationToken)
    {
        if (baseline.Transaction is { } earlier
            && await HasCommittedAsync(connection, earlier, cancellationToken).ConfigureAwait(false))
        {
            return true;
        }

        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            try
            {
                if (!await LockBaselineAsync(connection, baseline, cancellationToken).ConfigureAwait(false)) return false;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await transaction.RollbackAsync(cancellationToken).ConfigureAwait(false);
                throw new RowsLockedException(await DescribeWaitAsync(connection, cancellationToken).ConfigureAwait(false), exception);
            }

            var commands = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands = { Subtract(baseline), DeleteEmptied(baseline), ledger.ForgetTenant(baseline.TenantId) },
            };
            await using (commands.ConfigureAwait(false)) await commands.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>
    /// Locks the rows of a baseline, in the order of their ids, and notes the transaction. Others' rows are not touched: a lock
    /// on the table would hold up everybody behind any transaction that is open for long.
    /// </summary>
    /// <returns>Whether each row is there and holds the baseline at least.</returns>
    private async Task<bool> LockBaselineAsync(NpgsqlConnection connection, CounterBaseline baseline, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(string.Create(
                    CultureInfo.InvariantCulture, $"SET LOCAL lock_timeout = {(int)LongestWaitForLocks.TotalMilliseconds}")),
                new NpgsqlBatchCommand("SELECT txid_current()::text"),
                new NpgsqlBatchCommand($"""
                    SELECT stored.count >= held.count
                    FROM {quotedTable} AS stored JOIN unnest($1, $2) AS held (id, count) ON held.id = stored.id
                    ORDER BY stored.id
                    FOR UPDATE OF stored
                    """)
                {
                    Parameters = { Ids(baseline), Counts(baseline) },
                },
            },
        };
        await using (batch.ConfigureAwait(false))
        {
            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                baseline.Transaction = reader.GetString(0);
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var (rows, isWhole) = (0, true);
                for (; await reader.ReadAsync(cancellationToken).ConfigureAwait(false); rows++) isWhole &= reader.GetBoolean(0);
                return isWhole && rows == baseline.Counts.Count;
            }
        }
    }

    private NpgsqlBatchCommand Subtract(CounterBaseline baseline) => new($"""
        UPDATE {quotedTable} AS stored SET count = stored.count - held.count, "updatedAt" = now()
        FROM unnest($1, $2) AS held (id, count)
        WHERE held.id = stored.id
        """)
    {
        Parameters = { Ids(baseline), Counts(baseline) },
    };

    private NpgsqlBatchCommand DeleteEmptied(CounterBaseline baseline) =>
        new($"DELETE FROM {quotedTable} WHERE id = ANY($1) AND count = 0") { Parameters = { Ids(baseline) } };

    private static NpgsqlParameter Ids(CounterBaseline baseline) => Sql.Array(NpgsqlDbType.Text, baseline.Counts.Keys.ToArray());

    private static NpgsqlParameter Counts(CounterBaseline baseline) => Sql.Array(NpgsqlDbType.Bigint, baseline.Counts.Values.ToArray());

    /// <summary>What became of a transaction whose answer was lost. One that is still open is waited for by the next try.</summary>
    public static async Task<bool> HasCommittedAsync(
        NpgsqlConnection connection, string transaction, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand("SELECT txid_status($1::bigint)", connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(transaction));
            var status = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as string;
            return status == "in progress"
                ? throw new TimeoutException("The transaction that empties the counters is still open on the server.")
                : status == "committed";
        }
    }

    /// <summary>Who has kept a lock on the table for longest.</summary>
    private async Task<string> DescribeWaitAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(
            """
            SELECT activity.pid, activity.usename, activity.state, extract(epoch FROM now() - activity.xact_start)::int
            FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid
            WHERE held.relation = to_regclass($1) AND held.granted AND held.pid <> pg_backend_pid()
              AND held.mode IN ('RowShareLock', 'RowExclusiveLock')
            ORDER BY activity.xact_start
            LIMIT 1
            """,
            connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(quotedTable));
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                var holder = await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                    ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"most likely by Postgres process {reader.GetInt32(0)} of user '{Text(1)}', which is '{Text(2)}' "
                            + $"in a transaction begun {(reader.IsDBNull(3) ? 0 : reader.GetInt32(3)):N0} s ago")
                    : "by a transaction that has ended meanwhile";
                return $"Rows of {table} are locked, {holder}.";

                string Text(int column) => reader.IsDBNull(column) ? "" : reader.GetString(column);
            }
        }
    }
}

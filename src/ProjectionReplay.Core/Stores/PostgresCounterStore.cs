using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using ProjectionReplay.Events;
using ProjectionReplay.Replay;

namespace ProjectionReplay.Stores;

/// <summary>
/// Adds counts to the rows of a Postgres table, each aggregate once: a batch is one transaction over counters and
/// <see cref="ReplayLedger"/>.
/// </summary>
/// <typeparam name="TState">The projection's state: a count for one key.</typeparam>
/// <param name="dataSource">The database.</param>
/// <param name="projection">The projection's name, which its ledger entries go by.</param>
/// <param name="table">The counter table.</param>
public sealed class PostgresCounterStore<TState>(NpgsqlDataSource dataSource, string projection, CounterTable<TState> table) : IProjectionStore<TState>
    where TState : class
{
    private const int ForgottenAtOnce = 10_000;

    private readonly ReplayLedger _ledger = new(projection);
    private readonly string _quotedName = Sql.Quote(table.Name);

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("SELECT to_regclass($1) IS NOT NULL");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(_quotedName));
            if (await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true) return;
        }

        throw new ReplayException(
            ReplayError.TableMissing,
            $"Postgres has no table {_quotedName} on its search path. Check the database and schema of the Postgres URL, and that the migrations have run there.");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken)
    {
        RequireText(aggregates);
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var byKey = aggregates.ToDictionary(ReplayLedger.KeyOf, StringComparer.Ordinal);
            var cutoffs = await _ledger.FindCutoffsAsync(connection, [.. byKey.Keys], cancellationToken).ConfigureAwait(false);
            return cutoffs.ToDictionary(entry => byKey[entry.Key], entry => entry.Value);
        }
    }

    /// <inheritdoc/>
    public IStateBuffer<TState> CreateBuffer() => new StateList<TState>();

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(
        IReadOnlyList<IStateBuffer<TState>> buffers, IReadOnlyDictionary<AggregateKey, string> cutoffs, CancellationToken cancellationToken)
    {
        var states = buffers.SelectMany(buffer => ((StateList<TState>)buffer).States).ToList();
        if (states.Count == 0) return [];
        var entries = Contributions(states, cutoffs);
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var before = await _ledger.LockContributionsAsync(
                    connection, [.. entries.Select(entry => entry.AggregateKey)], cancellationToken).ConfigureAwait(false);
                var increments = Coalesce(states, entries, before);
                var commands = new NpgsqlBatch(connection, transaction) { BatchCommands = { Increment(increments), _ledger.Record(entries) } };
                await using (commands.ConfigureAwait(false))
                {
                    try
                    {
                        await commands.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                    }
                    catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ProgramLimitExceeded)
                    {
                        throw TooLong(cutoffs.Keys, exception);
                    }
                }

                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        return [];
    }

    /// <inheritdoc/>
    public async Task<bool> EmptyAsync(
        string tenantId, Func<CancellationToken, Task<IReadOnlyList<AggregateKey>?>> findAll, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                // Live handlers wait here with what they are about to add, until the old rows are gone.
                var seize = new NpgsqlCommand($"LOCK TABLE {_quotedName} IN SHARE ROW EXCLUSIVE MODE", connection, transaction);
                await using (seize.ConfigureAwait(false)) await seize.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                if (await findAll(cancellationToken).ConfigureAwait(false) is not { } aggregates) return false;

                var delete = new NpgsqlBatchCommand($"DELETE FROM {_quotedName} WHERE {Sql.Quote(table.TenantColumn)} = $1") { Parameters = { Sql.Text(tenantId) } };
                var commands = new NpgsqlBatch(connection, transaction) { BatchCommands = { delete } };
                foreach (var chunk in aggregates.Chunk(ForgottenAtOnce))
                {
                    commands.BatchCommands.Add(_ledger.Forget(Array.ConvertAll(chunk, ReplayLedger.KeyOf)));
                }

                await using (commands.ConfigureAwait(false)) await commands.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }
        }
    }

    /// <summary>Postgres text has no NUL, and would refuse the whole batch without naming the one at fault.</summary>
    private static void RequireText(IEnumerable<AggregateKey> aggregates)
    {
        foreach (var aggregate in aggregates)
        {
            if (!aggregate.AggregateId.Contains('\0', StringComparison.Ordinal) && !aggregate.TenantId.Contains('\0', StringComparison.Ordinal)) continue;
            throw new ReplayException(
                ReplayError.StateNotStorable,
                $"The aggregate '{aggregate.ToString().Replace("\0", "\\0", StringComparison.Ordinal)}' cannot be counted: its id holds a NUL character, shown as \\0, which Postgres has no room for. Remove its events from the event log, then replay again.");
        }
    }

    private static ReplayException TooLong(IEnumerable<AggregateKey> aggregates, PostgresException exception)
    {
        var longest = aggregates.Select(aggregate => aggregate.ToString()).MaxBy(key => key.Length)!;
        return new ReplayException(
            ReplayError.StateNotStorable,
            string.Create(CultureInfo.InvariantCulture, $"An aggregate of the batch cannot be counted: its key is longer than Postgres indexes ({exception.MessageText}). The longest, of {longest.Length:N0} characters, begins with '{longest[..Math.Min(longest.Length, 100)]}'. Remove its events from the event log, then replay again."),
            exception);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await _ledger.EnsureAsync(connection, _quotedName, cancellationToken).ConfigureAwait(false);
        return connection;
    }

    /// <summary>
    /// What each aggregate contributes, in the order of the key strings: writers that meet lock the same rows in the
    /// same order, so they cannot block each other for ever.
    /// </summary>
    private List<LedgerEntry> Contributions(List<ProjectedState<TState>> states, IReadOnlyDictionary<AggregateKey, string> cutoffs)
    {
        var entries = new List<LedgerEntry>(cutoffs.Count);
        LedgerEntry? entry = null;
        AggregateKey current = default;
        foreach (var state in states)
        {
            if (entry is null || state.Aggregate != current)
            {
                current = state.Aggregate;
                entry = new LedgerEntry(ReplayLedger.KeyOf(current), cutoffs[current], new Dictionary<string, int>(1, StringComparer.Ordinal));
                entries.Add(entry);
            }

            entry.Contribution.Add(state.Key, table.Count(state.State));
        }

        entries.Sort(static (left, right) => string.CompareOrdinal(left.AggregateKey, right.AggregateKey));
        return entries;
    }

    /// <summary>
    /// One increment for each projection key, however many aggregates share it: the difference between what they
    /// contribute now and what the ledger says they did before. In the order of the keys, for the same reason.
    /// </summary>
    private List<CounterIncrement> Coalesce(
        List<ProjectedState<TState>> states, List<LedgerEntry> entries, Dictionary<string, Dictionary<string, int>> before)
    {
        var byKey = new Dictionary<string, CounterIncrement>(StringComparer.Ordinal);
        foreach (var state in states)
        {
            if (!byKey.TryGetValue(state.Key, out var increment)) byKey.Add(state.Key, increment = new CounterIncrement(state.Key, state.State));
            increment.Count = checked(increment.Count + table.Count(state.State));
            increment.LastEventTimestamp = Math.Max(increment.LastEventTimestamp, table.LastEventTimestamp(state.State));
        }

        foreach (var entry in entries)
        {
            if (!before.TryGetValue(entry.AggregateKey, out var contributed)) continue;
            foreach (var (key, count) in contributed)
            {
                // Events never leave the log, so what was counted under a key is still counted under it.
                if (byKey.TryGetValue(key, out var increment)) increment.Count -= count;
            }
        }

        var increments = byKey.Values.ToList();
        increments.Sort(static (left, right) => string.CompareOrdinal(left.Key, right.Key));
        return increments;
    }

    private NpgsqlBatchCommand Increment(List<CounterIncrement> increments)
    {
        var keyColumns = string.Join(", ", table.KeyColumns.Select(column => Sql.Quote(column.Name)));
        var keyArrays = string.Join(", ", table.KeyColumns.Select((_, index) => string.Create(CultureInfo.InvariantCulture, $"${index + 2}")));
        var countArray = table.KeyColumns.Count + 2;
        var command = new NpgsqlBatchCommand(string.Create(CultureInfo.InvariantCulture, $"""
            INSERT INTO {_quotedName} AS stored (id, {keyColumns}, count, "lastEventTimestamp", "updatedAt")
            SELECT id, {keyColumns}, count, "lastEventTimestamp", now()
            FROM unnest($1, {keyArrays}, ${countArray}, ${countArray + 1})
                AS added (id, {keyColumns}, count, "lastEventTimestamp")
            ON CONFLICT (id) DO UPDATE
            SET count = stored.count + excluded.count,
                "lastEventTimestamp" = greatest(stored."lastEventTimestamp", excluded."lastEventTimestamp"),
                "updatedAt" = now()
            """));
        command.Parameters.Add(Sql.Array(NpgsqlDbType.Text, increments.Select(increment => increment.Key).ToArray()));
        foreach (var column in table.KeyColumns)
        {
            command.Parameters.Add(Sql.Array(NpgsqlDbType.Text, increments.Select(increment => column.Value(increment.Sample)).ToArray()));
        }

        command.Parameters.Add(Sql.Array(NpgsqlDbType.Integer, increments.Select(increment => increment.Count).ToArray()));
        command.Parameters.Add(Sql.Array(NpgsqlDbType.Bigint, increments.Select(increment => increment.LastEventTimestamp).ToArray()));
        return command;
    }

    private sealed class CounterIncrement(string key, TState sample)
    {
        public string Key { get; } = key;

        /// <summary>Any state with the key: they agree on the key's columns.</summary>
        public TState Sample { get; } = sample;

        public int Count { get; set; }

        public long LastEventTimestamp { get; set; }
    }
}

using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Stores;

/// <summary>
/// Adds counts to the rows of a Postgres table, each aggregate once: a batch is one transaction over counters and
/// <see cref="ReplayLedger"/>.
/// </summary>
/// <typeparam name="TState">The projection's state: a count for one key.</typeparam>
/// <param name="dataSource">The database.</param>
/// <param name="projection">The projection's name, which its ledger entries go by.</param>
/// <param name="table">The counter table.</param>
public sealed class PostgresCounterStore<TState>(
    NpgsqlDataSource dataSource, string projection, CounterTable<TState> table) : IProjectionStore<TState>
    where TState : class
{
    private static readonly Dictionary<AggregateKey, string> NoneReplayed = [];

    private readonly ReplayLedger _ledger = new(projection);
    private readonly string _quotedName = PostgresSource.Quote(dataSource, table.Name);

    private CounterSubtraction Subtraction => new(table.Name, _quotedName, _ledger);

    internal NpgsqlDataSource DataSource => dataSource;

    internal CounterTable<TState> Table => table;

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken) =>
        (await InspectAsync(cancellationToken).ConfigureAwait(false)).Require();

    /// <inheritdoc/>
    public Task<TableInspection> InspectAsync(CancellationToken cancellationToken) =>
        CounterTableRule.InspectAsync(dataSource, table.Name, [.. table.KeyColumns.Select(column => column.Name)], cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> HasReplayedAsync(string tenantId, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await _ledger.KnowsAnyAsync(connection, tenantId, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken)
    {
        if (aggregates.Count == 0) return NoneReplayed;
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var keys = LedgerKeyPrefix.KeysOf(aggregates);
            var cutoffs = await _ledger.FindCutoffsAsync(connection, keys, cancellationToken).ConfigureAwait(false);
            return cutoffs.Count == 0
                ? NoneReplayed
                : aggregates.Zip(keys)
                    .Where(pair => cutoffs.ContainsKey(pair.Second))
                    .ToDictionary(pair => pair.First, pair => cutoffs[pair.Second]);
        }
    }

    /// <inheritdoc/>
    public IStateBuffer<TState> CreateBuffer() => new CounterBuffer<TState>(projection, table);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        var gathered = buffers.Cast<CounterBuffer<TState>>().ToList();
        if (gathered.TrueForAll(buffer => buffer.Ledger.Count == 0)) return [];
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            // Hardly ever is one of them in the ledger: then the increments are what they were.
            if (await TryAddAsync(connection, gathered, cancellationToken).ConfigureAwait(false)) return [];
            await ReplaceAsync(connection, gathered, cancellationToken).ConfigureAwait(false);
            return [];
        }
    }

    /// <inheritdoc/>
    public async Task<CounterHoldings?> FindHoldingsAsync(string tenantId, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            // One statement, and so one moment: what a batch adds comes to both at once.
            var command = new NpgsqlCommand(
                $"""
                SELECT count(*), coalesce(sum(count), 0)::bigint,
                    coalesce(min("lastEventTimestamp") FILTER (WHERE "lastEventTimestamp" > 0), 0),
                    ({_ledger.SumOfTenant("$2", "$3")})
                FROM {_quotedName}
                WHERE {Sql.Quote(table.TenantColumn)} = $1
                """,
                connection);
            await using (command.ConfigureAwait(false))
            {
                command.Parameters.Add(Sql.Text(tenantId));
                command.Parameters.Add(Sql.Text(projection));
                command.Parameters.Add(Sql.Text(LedgerKeyPrefix.OfTenant(tenantId)));
                var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    return new CounterHoldings(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
                }
            }
        }
    }

    /// <inheritdoc/>
    public async Task<long?> SumCountsAsync(string tenantId, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand(
            $"SELECT coalesce(sum(count), 0)::bigint FROM {_quotedName} WHERE {Sql.Quote(table.TenantColumn)} = $1");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(tenantId));
            return (long?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<CounterBaseline> ReadBaselineAsync(string tenantId, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand($"SELECT id, count FROM {_quotedName} WHERE {Sql.Quote(table.TenantColumn)} = $1");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(tenantId));
            var counts = new Dictionary<string, long>(StringComparer.Ordinal);
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    counts.Add(reader.GetString(0), Convert.ToInt64(reader.GetValue(1), CultureInfo.InvariantCulture));
                }
            }

            return new CounterBaseline(tenantId, counts);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> TakeAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await Subtraction.TakeAwayAsync(connection, baseline, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> IsTakenAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken)
    {
        if (baseline.Transaction is not { } transaction) return false;
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await CounterSubtraction.HasCommittedAsync(connection, transaction, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ReplayException TooLong(List<CounterBuffer<TState>> gathered, PostgresException exception)
    {
        var longest = gathered.SelectMany(buffer => buffer.Ledger.Read()).Select(entry => entry.AggregateKey).MaxBy(key => key.Length)!;
        return new ReplayException(
            ReplayError.StateNotStorable,
            string.Create(
                CultureInfo.InvariantCulture,
                $"An aggregate of the batch cannot be counted: its key is longer than Postgres indexes ({exception.MessageText}). "
                    + $"The longest, of {longest.Length:N0} characters, begins with '{longest[..Math.Min(longest.Length, 100)]}'. "
                    + $"Remove its events from the event log, then replay again."),
            exception);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await _ledger.EnsureAsync(connection, _quotedName, cancellationToken).ConfigureAwait(false);
        return connection;
    }

    /// <summary>Counts aggregates that were never counted before; does nothing when one was.</summary>
    private async Task<bool> TryAddAsync(
        NpgsqlConnection connection, List<CounterBuffer<TState>> gathered, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            try
            {
                await _ledger.AddAsync(connection, gathered.Select(buffer => buffer.Ledger), cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                return false;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ProgramLimitExceeded)
            {
                throw TooLong(gathered, exception);
            }

            await ExecuteAsync(connection, transaction, [Increment(Coalesce(gathered))], gathered, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>Counts aggregates some of which were counted before: of those only what has come since.</summary>
    private async Task ReplaceAsync(
        NpgsqlConnection connection, List<CounterBuffer<TState>> gathered, CancellationToken cancellationToken)
    {
        var entries = Sorted(gathered);
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var before = await _ledger.LockContributionsAsync(
                connection, [.. entries.Select(entry => entry.AggregateKey)], cancellationToken).ConfigureAwait(false);
            var increments = Coalesce(gathered);
            var byKey = increments.ToDictionary(increment => increment.Key, StringComparer.Ordinal);
            foreach (var (key, count) in before.Values.SelectMany(contributed => contributed))
            {
                // Events never leave the log, so what was counted under a key is still counted under it.
                if (byKey.TryGetValue(key, out var increment)) increment.Subtract(count);
            }

            await ExecuteAsync(
                connection,
                transaction,
                [_ledger.AddOrReplace(entries), Increment(increments)],
                gathered,
                cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task ExecuteAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        IEnumerable<NpgsqlBatchCommand> commands,
        List<CounterBuffer<TState>> gathered,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        await using (batch.ConfigureAwait(false))
        {
            foreach (var command in commands) batch.BatchCommands.Add(command);
            try
            {
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ProgramLimitExceeded)
            {
                throw TooLong(gathered, exception);
            }
        }
    }

    /// <summary>
    /// What each aggregate contributes, in the order of the ledger's keys: writers that meet lock the same rows in the
    /// same order, so they cannot block each other for ever.
    /// </summary>
    private static List<LedgerEntry> Sorted(List<CounterBuffer<TState>> gathered)
    {
        var entries = gathered.SelectMany(buffer => buffer.Ledger.Read()).ToList();
        entries.Sort(static (left, right) => string.CompareOrdinal(left.AggregateKey, right.AggregateKey));
        return entries;
    }

    /// <summary>
    /// One increment for each projection key, however many streams share it. In the order of the keys, for the same
    /// reason. New objects each time: they are changed.
    /// </summary>
    private static List<CounterIncrement<TState>> Coalesce(List<CounterBuffer<TState>> gathered)
    {
        var byKey = new SortedDictionary<string, CounterIncrement<TState>>(StringComparer.Ordinal);
        foreach (var part in gathered.SelectMany(buffer => buffer.Increments))
        {
            if (!byKey.TryGetValue(part.Key, out var increment))
            {
                byKey.Add(part.Key, increment = new CounterIncrement<TState>(part.Key, part.Sample));
            }

            increment.Add(part.Count, part.LastEventTimestamp);
        }

        return [.. byKey.Values];
    }

    private NpgsqlBatchCommand Increment(List<CounterIncrement<TState>> increments)
    {
        var keyColumns = string.Join(", ", table.KeyColumns.Select(column => Sql.Quote(column.Name)));
        var keyArrays = string.Join(
            ", ", table.KeyColumns.Select((_, index) => string.Create(CultureInfo.InvariantCulture, $"${index + 2}")));
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
}

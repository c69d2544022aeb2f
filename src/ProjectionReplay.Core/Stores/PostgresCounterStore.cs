using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using ProjectionReplay.Replay;

namespace ProjectionReplay.Stores;

/// <summary>
/// Adds counts to the rows of a Postgres table. A batch is one statement over its distinct keys, in one transaction.
/// </summary>
/// <typeparam name="TState">The projection's state: a count for one key.</typeparam>
public sealed class PostgresCounterStore<TState>(NpgsqlDataSource dataSource, CounterTable<TState> table) : IProjectionStore<TState>
    where TState : class
{
    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("SELECT to_regclass($1) IS NOT NULL");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.AddWithValue(Quote(table.Name));
            if (await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true) return;
        }

        throw new ReplayException(
            ReplayError.TableMissing,
            $"Postgres has no table {Quote(table.Name)} on its search path. Check the database and schema of the Postgres URL, and that the migrations have run there.");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(
        IReadOnlyList<ProjectedState<TState>> states, CancellationToken cancellationToken)
    {
        if (states.Count == 0) return [];
        var command = dataSource.CreateCommand(IncrementSql());
        await using (command.ConfigureAwait(false))
        {
            Bind(command, Coalesce(states));
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        return [];
    }

    /// <summary>
    /// One increment for each key, however many aggregates share it, in the order of the keys: writers that meet lock
    /// the same rows in the same order, so they cannot block each other for ever.
    /// </summary>
    private List<Increment> Coalesce(IReadOnlyList<ProjectedState<TState>> states)
    {
        var byKey = new Dictionary<string, Increment>(StringComparer.Ordinal);
        foreach (var state in states)
        {
            var count = table.Count(state.State);
            var timestamp = table.LastEventTimestamp(state.State);
            if (byKey.TryGetValue(state.Key, out var increment))
            {
                increment.Count = checked(increment.Count + count);
                increment.LastEventTimestamp = Math.Max(increment.LastEventTimestamp, timestamp);
            }
            else
            {
                byKey.Add(state.Key, new Increment(state.Key, state.State) { Count = count, LastEventTimestamp = timestamp });
            }
        }

        var increments = byKey.Values.ToList();
        increments.Sort(static (left, right) => string.CompareOrdinal(left.Key, right.Key));
        return increments;
    }

    private void Bind(NpgsqlCommand command, List<Increment> increments)
    {
        AddArray(command, NpgsqlDbType.Text, increments.ConvertAll(increment => increment.Key));
        foreach (var column in table.KeyColumns)
        {
            AddArray(command, NpgsqlDbType.Text, increments.ConvertAll(increment => column.Value(increment.Sample)));
        }

        AddArray(command, NpgsqlDbType.Integer, increments.ConvertAll(increment => increment.Count));
        AddArray(command, NpgsqlDbType.Bigint, increments.ConvertAll(increment => increment.LastEventTimestamp));

        static void AddArray<T>(NpgsqlCommand command, NpgsqlDbType type, List<T> values) =>
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = values });
    }

    private string IncrementSql()
    {
        var keyColumns = string.Join(", ", table.KeyColumns.Select(column => Quote(column.Name)));
        var keyArrays = string.Join(", ", table.KeyColumns.Select((_, index) => string.Create(CultureInfo.InvariantCulture, $"${index + 2}")));
        var countArray = table.KeyColumns.Count + 2;
        return string.Create(CultureInfo.InvariantCulture, $"""
            INSERT INTO {Quote(table.Name)} AS stored (id, {keyColumns}, count, "lastEventTimestamp", "updatedAt")
            SELECT id, {keyColumns}, count, "lastEventTimestamp", now()
            FROM unnest($1, {keyArrays}, ${countArray}, ${countArray + 1})
                AS added (id, {keyColumns}, count, "lastEventTimestamp")
            ON CONFLICT (id) DO UPDATE
            SET count = stored.count + excluded.count,
                "lastEventTimestamp" = greatest(stored."lastEventTimestamp", excluded."lastEventTimestamp"),
                "updatedAt" = now()
            """);
    }

    private static string Quote(string identifier) => "\"" + identifier.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    private sealed class Increment(string key, TState sample)
    {
        public string Key { get; } = key;

        /// <summary>Any state with the key: they agree on the key's columns.</summary>
        public TState Sample { get; } = sample;

        public int Count { get; set; }

        public long LastEventTimestamp { get; set; }
    }
}

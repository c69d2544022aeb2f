using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;
using NpgsqlTypes;
using ProjectionReplay.Postgres;

namespace ProjectionReplay.Stores;

/// <summary>
/// What each replayed aggregate contributed to a counter table: the table <c>projection_replay_ledger</c> in the
/// schema of the counters. It changes in the same transactions as they do, so that an aggregate is never added twice,
/// whatever happens between a commit and what follows it. Its columns are a contract.
/// </summary>
internal sealed class ReplayLedger(string projection)
{
    /// <summary>The table, unquoted.</summary>
    public const string TableName = "projection_replay_ledger";

    // Any number does that no other program is likely to take.
    private const long CreationLock = 0x5052_4C45_4447_4552;

    /// <summary>Signature, no flags, no extension.</summary>
    private static readonly byte[] CopyHeader = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>A row of -1 columns.</summary>
    private static readonly byte[] CopyTrailer = [0xFF, 0xFF];

    private string? _table;

    /// <summary>Creates the table when it is not there yet.</summary>
    /// <param name="connection">A connection without a transaction.</param>
    /// <param name="counterTable">The counter table, quoted, whose schema is taken.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task EnsureAsync(NpgsqlConnection connection, string counterTable, CancellationToken cancellationToken)
    {
        if (_table is not null) return;
        var schema = await FindSchemaAsync(connection, counterTable, cancellationToken).ConfigureAwait(false);
        var table = $"{Sql.Quote(schema)}.{TableName}";

        // By this collation PostgreSQL 15 finds a tenant's rows by the beginning of their keys; ledgers that are older than this rule
        // are looked through. Two first runs at once would trip over each other's catalog entries, IF NOT EXISTS or not.
        var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("SELECT pg_advisory_xact_lock($1)") { Parameters = { new() { Value = CreationLock } } },
                new NpgsqlBatchCommand($"""
                    CREATE TABLE IF NOT EXISTS {table}
                    (
                        projection text NOT NULL,
                        aggregate_key text COLLATE "C" NOT NULL,
                        cutoff_event_id text NOT NULL,
                        contribution jsonb NOT NULL,
                        replayed_at timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (projection, aggregate_key)
                    )
                    """),
            },
        };
        await using (batch.ConfigureAwait(false))
        {
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        _table = table;
    }

    /// <summary>Whether any aggregate of a tenant is in the ledger. Reads the index of the projection until it finds one.</summary>
    public async Task<bool> KnowsAnyAsync(NpgsqlConnection connection, string tenantId, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(
            $"SELECT EXISTS (SELECT FROM {_table} WHERE projection = $1 AND starts_with(aggregate_key, $2))", connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(projection));
            command.Parameters.Add(Sql.Text(LedgerKeyPrefix.OfTenant(tenantId)));
            return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        }
    }

    /// <summary>A query for the sum of what replays have added for a tenant: parameters for projection and key prefix.</summary>
    public string SumOfTenant(string projectionParameter, string prefixParameter) => $"""
        SELECT coalesce(sum(contributed.value::bigint), 0)::bigint
        FROM {_table} AS ledger CROSS JOIN LATERAL jsonb_each_text(ledger.contribution) AS contributed
        WHERE ledger.projection = {projectionParameter} AND starts_with(ledger.aggregate_key, {prefixParameter})
        """;

    /// <summary>The cutoffs of those aggregates that are in the ledger, by <see cref="LedgerKeyPrefix.KeyOf"/>.</summary>
    public async Task<Dictionary<string, string>> FindCutoffsAsync(
        NpgsqlConnection connection, string[] aggregateKeys, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(
            $"SELECT aggregate_key, cutoff_event_id FROM {_table} WHERE projection = $1 AND aggregate_key = ANY($2)", connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(projection));
            command.Parameters.Add(Sql.Array(NpgsqlDbType.Text, aggregateKeys));
            return await ReadPairsAsync(command, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The contributions of those aggregates that are in the ledger, by <see cref="LedgerKeyPrefix.KeyOf"/> and projection
    /// key; locked until the connection's transaction ends.
    /// </summary>
    public async Task<Dictionary<string, Dictionary<string, int>>> LockContributionsAsync(
        NpgsqlConnection connection, string[] aggregateKeys, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(
            $"SELECT aggregate_key, contribution::text FROM {_table} "
                + "WHERE projection = $1 AND aggregate_key = ANY($2) ORDER BY aggregate_key FOR UPDATE",
            connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(projection));
            command.Parameters.Add(Sql.Array(NpgsqlDbType.Text, aggregateKeys));
            var rows = await ReadPairsAsync(command, cancellationToken).ConfigureAwait(false);
            return rows.ToDictionary(
                row => row.Key,
                row => JsonSerializer.Deserialize(row.Value, LedgerJson.Default.DictionaryStringInt32)!,
                StringComparer.Ordinal);
        }
    }

    /// <summary>
    /// Records contributions of aggregates that are not in the ledger, which is not asked first: in bulk that is half the
    /// server's work.
    /// </summary>
    /// <exception cref="PostgresException">
    /// <see cref="PostgresErrorCodes.UniqueViolation"/>: one of them is. The transaction is of no more use.
    /// </exception>
    public async Task AddAsync(NpgsqlConnection connection, IEnumerable<LedgerRows> parts, CancellationToken cancellationToken)
    {
        // It ends the copy when it is disposed, and tells then what the server thinks of it.
        var copy = await connection.BeginRawBinaryCopyAsync(
            $"COPY {_table} ({LedgerRows.Columns}) FROM STDIN (FORMAT BINARY)", cancellationToken).ConfigureAwait(false);
        await using (copy.ConfigureAwait(false))
        {
            await copy.WriteAsync(CopyHeader, cancellationToken).ConfigureAwait(false);
            foreach (var part in parts) await part.WriteToAsync(copy, cancellationToken).ConfigureAwait(false);
            await copy.WriteAsync(CopyTrailer, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The command that records contributions, in place of those recorded before.</summary>
    public NpgsqlBatchCommand AddOrReplace(IReadOnlyList<LedgerEntry> entries) => new($"""
        INSERT INTO {_table} (projection, aggregate_key, cutoff_event_id, contribution)
        SELECT $1, aggregate_key, cutoff_event_id, contribution::jsonb
        FROM unnest($2, $3, $4) AS recorded (aggregate_key, cutoff_event_id, contribution)
        ON CONFLICT (projection, aggregate_key) DO UPDATE
        SET cutoff_event_id = excluded.cutoff_event_id,
            contribution = excluded.contribution,
            replayed_at = now()
        """)
    {
        Parameters =
        {
            Sql.Text(projection),
            Sql.Array(NpgsqlDbType.Text, entries.Select(entry => entry.AggregateKey).ToArray()),
            Sql.Array(NpgsqlDbType.Text, entries.Select(entry => entry.Cutoff).ToArray()),
            Sql.Array(NpgsqlDbType.Text, entries.Select(entry => entry.Contribution).ToArray()),
        },
    };

    /// <summary>The command that forgets all aggregates of a tenant, also those that are not in the event log any more.</summary>
    public NpgsqlBatchCommand ForgetTenant(string tenantId) =>
        new($"DELETE FROM {_table} WHERE projection = $1 AND starts_with(aggregate_key, $2)")
        {
            Parameters = { Sql.Text(projection), Sql.Text(LedgerKeyPrefix.OfTenant(tenantId)) },
        };

    private static async Task<string> FindSchemaAsync(NpgsqlConnection connection, string counterTable, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand("SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass($1)", connection);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(counterTable));
            var quoted = (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            return quoted.StartsWith('"') ? quoted[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : quoted;
        }
    }

    private static async Task<Dictionary<string, string>> ReadPairsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) pairs.Add(reader.GetString(0), reader.GetString(1));
        }

        return pairs;
    }
}

[JsonSerializable(typeof(Dictionary<string, int>))]
[JsonSerializable(typeof(string))]
internal sealed partial class LedgerJson : JsonSerializerContext;

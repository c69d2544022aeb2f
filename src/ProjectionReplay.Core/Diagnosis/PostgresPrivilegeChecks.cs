using Npgsql;
using ProjectionReplay.Postgres;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Diagnosis;

/// <summary>Asks Postgres what the user may do with counter tables and with the ledger. Does none of it.</summary>
internal sealed class PostgresPrivilegeChecks(NpgsqlDataSource dataSource, CheckReport report)
{
    private const string Check = "Permission";
    private static readonly string[] Needed = ["SELECT", "INSERT", "UPDATE"];

    /// <summary>Checks one counter table.</summary>
    public async Task CheckTableAsync(string table, CancellationToken cancellationToken)
    {
        var granted = await FindGrantsAsync(PostgresSource.Quote(dataSource, table), cancellationToken).ConfigureAwait(false);
        Judge(table, granted, $"GRANT SELECT, INSERT, UPDATE, DELETE ON {PostgresSource.Quote(dataSource, table)} TO the user.");
    }

    /// <summary>Checks the ledger in each schema of some counter tables.</summary>
    public async Task CheckLedgersAsync(string[] tables, CancellationToken cancellationToken)
    {
        foreach (var (schema, mayUse, mayCreate) in await FindSchemasAsync(tables, cancellationToken).ConfigureAwait(false))
        {
            // CREATE TABLE IF NOT EXISTS asks for the right to create even when the table is there.
            var isAllowed = mayUse && mayCreate;
            report.Add(
                Check,
                $"schema {schema}",
                isAllowed ? CheckResult.Passed : CheckResult.Failed,
                isAllowed
                    ? $"The user may CREATE in schema {schema}, where the ledger is kept."
                    : $"The user may not CREATE in schema {schema}, "
                        + "where the first replay creates the ledger and every replay makes sure of it.",
                isAllowed ? "" : $"GRANT USAGE, CREATE ON SCHEMA {schema} TO the user.");

            var ledger = $"{schema}.{ReplayLedger.TableName}";
            var granted = await FindGrantsAsync(ledger, cancellationToken).ConfigureAwait(false);
            if (granted is null)
            {
                report.Add("Ledger", ledger, CheckResult.Passed, "There is no ledger yet; the first replay of a counter creates it.");
                continue;
            }

            report.Add("Ledger", ledger, CheckResult.Passed, "The ledger is there, from an earlier replay.");
            Judge(ledger, granted, $"GRANT SELECT, INSERT, UPDATE, DELETE ON {ledger} TO the user.");
        }
    }

    private void Judge(string table, IReadOnlyDictionary<string, bool>? granted, string advice)
    {
        if (granted is null) return;
        var missing = Needed.Where(privilege => !granted[privilege]).ToList();
        var (result, detail) = missing.Count > 0 ? (CheckResult.Failed, $"The user may not {string.Join(", ", missing)}.")
            : !granted["DELETE"] ? (CheckResult.Warning, "The user may not DELETE, which -Rebuild has to; nothing else does.")
            : (CheckResult.Passed, "The user may SELECT, INSERT, UPDATE and DELETE.");
        report.Add(Check, table, result, detail, result == CheckResult.Passed ? "" : advice);
    }

    /// <summary>What the user may do with a table, on some of its columns at least; null when there is none.</summary>
    private async Task<IReadOnlyDictionary<string, bool>?> FindGrantsAsync(string table, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("""
            SELECT has_any_column_privilege(oid, 'SELECT'), has_any_column_privilege(oid, 'INSERT'),
                has_any_column_privilege(oid, 'UPDATE'), has_table_privilege(oid, 'DELETE')
            FROM pg_class
            WHERE oid = to_regclass($1)
            """);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(table));
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) return null;
                return new Dictionary<string, bool>(StringComparer.Ordinal)
                {
                    ["SELECT"] = reader.GetBoolean(0),
                    ["INSERT"] = reader.GetBoolean(1),
                    ["UPDATE"] = reader.GetBoolean(2),
                    ["DELETE"] = reader.GetBoolean(3),
                };
            }
        }
    }

    /// <summary>The schemas of some tables, quoted where that is needed, and whether the user may use them and create in them.</summary>
    private async Task<List<(string Schema, bool MayUse, bool MayCreate)>> FindSchemasAsync(
        string[] tables, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("""
            SELECT DISTINCT relnamespace::regnamespace::text,
                has_schema_privilege(relnamespace, 'USAGE'), has_schema_privilege(relnamespace, 'CREATE')
            FROM unnest($1) AS wanted (name)
            JOIN pg_class ON oid = to_regclass(name)
            """);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Array(
                NpgsqlTypes.NpgsqlDbType.Text, tables.Select(table => PostgresSource.Quote(dataSource, table)).ToArray()));
            var schemas = new List<(string, bool, bool)>();
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    schemas.Add((reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2)));
                }
            }

            return schemas;
        }
    }
}

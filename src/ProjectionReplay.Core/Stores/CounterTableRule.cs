using Npgsql;
using ProjectionReplay.Postgres;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Stores;

/// <summary>What a Postgres counter table must have: columns of types that take what is written, and one row for each id.</summary>
internal static class CounterTableRule
{
    // Types that the values are assigned to without a cast, and that have room for all of them.
    private static readonly string[] Texts = ["text", "varchar", "bpchar", "citext"];
    private static readonly string[] Counts = ["int4", "int8", "int2", "numeric", "float4", "float8"];
    private static readonly string[] Milliseconds = ["int8", "numeric", "float8"];
    private static readonly string[] Moments = ["timestamp", "timestamptz", "date"];

    /// <summary>Looks at a table on the search path. Reads none of its rows.</summary>
    public static async Task<TableInspection> InspectAsync(
        NpgsqlDataSource dataSource, string table, IReadOnlyList<string> keyColumns, CancellationToken cancellationToken)
    {
        var quoted = PostgresSource.Quote(dataSource, table);
        var place = PostgresSource.SchemaOf(dataSource) is { } schema ? $"in schema {schema}" : "on its search path";
        var required = new RequiredTable(
            table,
            $"Postgres table {Sql.Quote(table)}",
            [
                RequiredColumn.OneOf("id", Texts),
                .. keyColumns.Select(column => RequiredColumn.OneOf(column, Texts)),
                RequiredColumn.OneOf("count", Counts),
                RequiredColumn.OneOf("lastEventTimestamp", Milliseconds),
                RequiredColumn.OneOf("updatedAt", Moments),
            ])
        {
            Absence = new(
                "Table",
                TableVerdict.Unusable,
                $"Postgres has no table {Sql.Quote(table)} {place}.",
                "Check the database and schema of the Postgres URL, and that the migrations have run there."),
        };
        var found = await ReadColumnsAsync(dataSource, quoted, cancellationToken).ConfigureAwait(false);
        var inspection = required.Judge(found);
        if (!found.ContainsKey("id")) return inspection;
        var isUnique = await IsUniqueAsync(dataSource, quoted, cancellationToken).ConfigureAwait(false);
        TableFinding key = isUnique
            ? new("Key", TableVerdict.Good, $"{required.Subject} has one row for each id.")
            : new(
                "Key",
                TableVerdict.Unusable,
                $"{required.Subject} has no primary key and no unique index on id alone, "
                    + "so that counts cannot be added to the rows there are.",
                "Run the migrations of the system that owns it, then try again.");
        return inspection with { Findings = [.. inspection.Findings, key] };
    }

    /// <summary>The columns with the names of their types; a domain counts as what it is made of.</summary>
    private static async Task<Dictionary<string, string>> ReadColumnsAsync(
        NpgsqlDataSource dataSource, string quoted, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("""
            WITH RECURSIVE resolved AS
            (
                SELECT attname, atttypid AS type
                FROM pg_attribute
                WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
                UNION ALL
                SELECT attname, typbasetype
                FROM resolved
                JOIN pg_type ON pg_type.oid = type AND typtype = 'd'
            )
            SELECT attname::text, typname::text
            FROM resolved
            JOIN pg_type ON pg_type.oid = type AND typtype <> 'd'
            """);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(quoted));
            var columns = new Dictionary<string, string>(StringComparer.Ordinal);
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) columns[reader.GetString(0)] = reader.GetString(1);
            }

            return columns;
        }
    }

    /// <summary>Whether an insert can tell that an id is there. A view answers for its table: only the insert itself would tell.</summary>
    private static async Task<bool> IsUniqueAsync(NpgsqlDataSource dataSource, string quoted, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("""
            SELECT relkind NOT IN ('r', 'p') OR EXISTS
            (
                SELECT
                FROM pg_index
                JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
                WHERE indrelid = pg_class.oid
                  AND indisunique AND indisvalid AND indimmediate
                  AND indnkeyatts = 1 AND indpred IS NULL
                  AND attname = 'id'
            )
            FROM pg_class
            WHERE oid = to_regclass($1)
            """);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(quoted));
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
        }
    }
}

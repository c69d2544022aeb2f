using System.Globalization;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Diagnosis;

/// <summary>What a replay needs of Postgres: counter tables to add to, and room for its ledger beside them.</summary>
internal sealed class PostgresChecks(ReplayConnections connections, IReadOnlyList<IFoldProjection> projections, CheckReport report)
{
    private const string CheckUrl =
        "Check that Postgres is up, and that DATABASE_URL (or -DatabaseUrl) points to it with a valid user, password and database.";

    /// <summary>The first that knows starts_with, by which the ledger is looked through.</summary>
    private const int OldestVersion = 110_000;

    public Task RunAsync(CancellationToken cancellationToken) => report.RunAsync(CheckAsync, cancellationToken);

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!report.TryResolve(connections.ResolveDatabase, ServerSettings.Postgres, out _)) return;
        var dataSource = Open(inOwnZone: false);
        await using (dataSource.ConfigureAwait(false))
        {
            var isConnected = await report.TryAsync(
                "Connection", "", token => ConnectAsync(dataSource, token), CheckUrl, cancellationToken).ConfigureAwait(false);
            if (!isConnected) return;
            await report.TryAsync(
                "Pooler", "", token => CheckPoolerAsync(dataSource, token), CheckUrl, cancellationToken).ConfigureAwait(false);
            await report.TryAsync(
                "Clock",
                "",
                token => ClockCheck.RunAsync(
                    report,
                    ClockCheck.DisplayTolerance,
                    "No replay goes wrong by it, but the times in the ledger and in the replay log do not go together.",
                    () => ReadTimeAsync(dataSource, token)),
                CheckUrl,
                cancellationToken).ConfigureAwait(false);

            var stores = new StoreConnections(
                () => throw new ReplayException(
                    ReplayError.ClickHouseUnavailable,
                    "The projection says that it is stored in Postgres, but asks for ClickHouse. Correct its definition."),
                () => dataSource);
            var tables = await TableChecks.RunAsync(
                report, projections, ProjectionStoreKind.Postgres, stores, CheckUrl, cancellationToken).ConfigureAwait(false);
            var privileges = new PostgresPrivilegeChecks(dataSource, report);
            foreach (var table in tables)
            {
                await report.TryAsync(
                    "Permission",
                    table.Table,
                    token => privileges.CheckTableAsync(table.Table, token),
                    CheckUrl,
                    cancellationToken).ConfigureAwait(false);
            }

            if (tables.Count > 0)
            {
                await CheckTimeZonesAsync(dataSource, tables, cancellationToken).ConfigureAwait(false);
                await report.TryAsync(
                    "Ledger",
                    ReplayLedger.TableName,
                    token => privileges.CheckLedgersAsync([.. tables.Select(table => table.Table)], token),
                    CheckUrl,
                    cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <param name="inOwnZone">Whether sessions begin in the time zone that the server gives them, and not in that of a replay.</param>
    private NpgsqlDataSource Open(bool inOwnZone)
    {
        var patience = (int)CheckReport.Patience.TotalSeconds;
        return PostgresSource.Open(connections.ResolveDatabase(), settings =>
        {
            (settings.Timeout, settings.CommandTimeout) = (patience, patience);
            if (inOwnZone) settings.Timezone = null;
        });
    }

    private async Task CheckPoolerAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
            await using (command.ConfigureAwait(false))
            {
                var process = (int)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
                var isSaid = ServerSettings.IsPostgresPooled(connections.ResolveDatabase());
                report.Add("", PostgresRules.Pooler(connection.ProcessID, process, isSaid));
            }
        }
    }

    private async Task CheckTimeZonesAsync(
        NpgsqlDataSource dataSource, IReadOnlyList<TableInspection> tables, CancellationToken cancellationToken)
    {
        const string Check = "TimeZone";
        var zone = "";
        var isKnown = await report.TryAsync(
            Check,
            "",
            async token =>
            {
                var plain = Open(inOwnZone: true);
                await using (plain.ConfigureAwait(false))
                {
                    var command = plain.CreateCommand("SELECT current_setting('TimeZone')");
                    await using (command.ConfigureAwait(false))
                    {
                        zone = (string)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
                    }
                }
            },
            CheckUrl,
            cancellationToken).ConfigureAwait(false);
        if (!isKnown) return;
        foreach (var table in tables)
        {
            await report.TryAsync(
                Check,
                table.Table,
                async token => report.Add(
                    table.Table, PostgresRules.TimeZone(await FindZonelessAsync(dataSource, table, token).ConfigureAwait(false), zone)),
                CheckUrl,
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The columns that are written and hold a time of no zone; a domain counts as what it is made of.</summary>
    private static async Task<IReadOnlyList<string>> FindZonelessAsync(
        NpgsqlDataSource dataSource, TableInspection table, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("""
            SELECT attname::text
            FROM pg_attribute
            JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attname = ANY ($2)
              AND CASE WHEN typtype = 'd' THEN typbasetype ELSE pg_type.oid END IN ('timestamp'::regtype, 'date'::regtype)
            ORDER BY attnum
            """);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(Sql.Text(PostgresSource.Quote(dataSource, table.Table)));
            command.Parameters.Add(Sql.Array(NpgsqlTypes.NpgsqlDbType.Text, table.Columns.ToArray()));
            var columns = new List<string>();
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) columns.Add(reader.GetString(0));
            }

            return columns;
        }
    }

    private async Task ConnectAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        var asked = report.TimeProvider.GetTimestamp();
        var command = dataSource.CreateCommand("""
            SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                current_user::text, current_database()::text,
                pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'
            """);
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var took = report.TimeProvider.GetElapsedTime(asked);
                report.Add(
                    "Connection",
                    "",
                    CheckResult.Passed,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"It answered user '{reader.GetString(2)}' in {took.TotalMilliseconds:0} ms, "
                            + $"from database '{reader.GetString(3)}'."));
                var isTooOld = reader.GetInt32(0) < OldestVersion;
                report.Add(
                    "Version",
                    "",
                    isTooOld ? CheckResult.Failed : CheckResult.Passed,
                    $"PostgreSQL {reader.GetString(1)}{(isTooOld ? ", which does not know starts_with" : "")}.",
                    isTooOld ? "Bring Postgres to version 11 or later." : "");
                var (isStandby, isReadOnly) = (reader.GetBoolean(4), reader.GetBoolean(5));
                report.Add(
                    "ReadOnly",
                    "",
                    isReadOnly ? CheckResult.Failed : CheckResult.Passed,
                    isStandby ? "It is a standby, which takes no writes."
                        : isReadOnly ? "Transactions are read-only by default."
                        : "It takes writes.",
                    isReadOnly ? "Point DATABASE_URL (or -DatabaseUrl) to the primary, with a user whose transactions may write." : "");
            }
        }
    }

    private static async Task<DateTimeOffset> ReadTimeAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        var command = dataSource.CreateCommand("SELECT clock_timestamp()");
        await using (command.ConfigureAwait(false))
        {
            return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!);
        }
    }
}

using System.Globalization;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Projections;
using ProjectionReplay.Replay;
using ProjectionReplay.Stores;

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
        var patience = (int)CheckReport.Patience.TotalSeconds;
        var dataSource = PostgresSource.Open(
            connections.ResolveDatabase(), settings => (settings.Timeout, settings.CommandTimeout) = (patience, patience));
        await using (dataSource.ConfigureAwait(false))
        {
            var isConnected = await report.TryAsync(
                "Connection", "", token => ConnectAsync(dataSource, token), CheckUrl, cancellationToken).ConfigureAwait(false);
            if (!isConnected) return;
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
                await report.TryAsync(
                    "Ledger",
                    ReplayLedger.TableName,
                    token => privileges.CheckLedgersAsync([.. tables.Select(table => table.Table)], token),
                    CheckUrl,
                    cancellationToken).ConfigureAwait(false);
            }
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

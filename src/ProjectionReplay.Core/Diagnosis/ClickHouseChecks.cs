using System.Globalization;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Diagnosis;

/// <summary>What a replay needs of ClickHouse: the event log to read, and the tables of projections to write.</summary>
internal sealed class ClickHouseChecks(
    ReplayConnections connections, IReadOnlyList<IFoldProjection> projections, string? tenantId, CheckReport report)
{
    private const string CheckUrl =
        "Check that ClickHouse is up, and that CLICKHOUSE_URL (or -ClickHouseUrl) points to its HTTP port "
            + "with a valid user, password and database.";
    private const string AskAdministrator = "Ask whoever administers ClickHouse to grant it to the user.";

    public Task RunAsync(CancellationToken cancellationToken) => report.RunAsync(CheckAsync, cancellationToken);

    private bool StoresAny => projections.Any(projection => projection.Definition.Store == ProjectionStoreKind.ClickHouse);

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!report.TryResolve(connections.ResolveClickHouse, ServerSettings.ClickHouse, out var settings)) return;
        using var database = new ClickHouseDatabase(settings);
        ServerProfile? profile = null;
        var isConnected = await report.TryAsync(
            "Connection",
            "",
            async token => profile = await ConnectAsync(database, settings.Username, token).ConfigureAwait(false),
            CheckUrl,
            cancellationToken).ConfigureAwait(false);
        if (!isConnected || profile is null) return;
        report.Add("", ClickHouseRules.Settings(profile, StoresAny));
        if (IsReadingLocked(profile))
        {
            report.Add(
                "Rest",
                "",
                CheckResult.NotChecked,
                "The rest was not checked, as no query could be relied on.",
                "Try again when the settings can be changed.");
            return;
        }

        await report.TryAsync(
            "Clock",
            "",
            token => ClockCheck.RunAsync(
                report,
                ClockCheck.EventTolerance,
                "A replay tells by the server's clock which events have only just been written, and waits a second for their jobs: "
                    + "it may wait in vain, or not at all, where CreatedAt goes by another clock. -Since goes by this machine's.",
                () => ReadTimeAsync(database, token)),
            CheckUrl,
            cancellationToken).ConfigureAwait(false);
        var tableChecks = new ClickHouseTableChecks(database, profile, report, CheckUrl);
        await CheckEventLogAsync(database, tableChecks, cancellationToken).ConfigureAwait(false);

        var stores = new StoreConnections(
            () => database,
            () => throw new ReplayException(
                ReplayError.PostgresUnavailable,
                "The projection says that it is stored in ClickHouse, but asks for Postgres. Correct its definition."));
        var tables = await TableChecks.RunAsync(
            report, projections, ProjectionStoreKind.ClickHouse, stores, CheckUrl, cancellationToken).ConfigureAwait(false);
        foreach (var table in tables)
        {
            await tableChecks.CheckTargetAsync(table.Table, cancellationToken).ConfigureAwait(false);
            // A replay looks at the rows that it is about to replace.
            var mayRead = await report.TryAsync(
                "Permission",
                table.Table,
                token => database.TryReadAsync(table.Table, table.Columns, token),
                AskAdministrator,
                cancellationToken).ConfigureAwait(false);
            if (mayRead) await CheckInsertAsync(database, table.Table, table.Columns, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <returns>The settings profile of the user.</returns>
    private async Task<ServerProfile> ConnectAsync(ClickHouseDatabase database, string configuredUser, CancellationToken cancellationToken)
    {
        // The profile first: the settings of all other queries go by it.
        var asked = report.TimeProvider.GetTimestamp();
        var profile = await database.LookAtProfileAsync(cancellationToken).ConfigureAwait(false);
        if (IsReadingLocked(profile))
        {
            var found = report.TimeProvider.GetElapsedTime(asked);
            report.Add(
                "Connection",
                "",
                CheckResult.Passed,
                string.Create(CultureInfo.InvariantCulture, $"It answered user '{configuredUser}' in {found.TotalMilliseconds:0} ms."));
            return profile;
        }

        asked = report.TimeProvider.GetTimestamp();
        var rows = await database.QueryTextsAsync(
            "SELECT version(), currentUser(), currentDatabase(), toString(getSetting('readonly'))",
            [],
            columns: 4,
            cancellationToken).ConfigureAwait(false);
        var took = report.TimeProvider.GetElapsedTime(asked);
        var (version, user, name, mode) = (rows[0][0], rows[0][1], rows[0][2], rows[0][3]);
        report.Add(
            "Connection",
            "",
            CheckResult.Passed,
            string.Create(
                CultureInfo.InvariantCulture, $"It answered user '{user}' in {took.TotalMilliseconds:0} ms, from database '{name}'."));
        report.Add("", ClickHouseRules.Version(version));
        report.Add("", ClickHouseRules.ReadOnly($"User '{user}'", mode, StoresAny));
        return profile;
    }

    /// <summary>Whether no query may be sent as it has to be.</summary>
    private static bool IsReadingLocked(ServerProfile profile) =>
        profile.Differences(QuerySettings.Reading).Any(setting => setting.IsLocked);

    private static async Task<DateTimeOffset> ReadTimeAsync(ClickHouseDatabase database, CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            "SELECT toString(toUnixTimestamp64Milli(now64(3)))", [], columns: 1, cancellationToken).ConfigureAwait(false);
        return DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(rows[0][0], CultureInfo.InvariantCulture));
    }

    private async Task CheckEventLogAsync(
        ClickHouseDatabase database, ClickHouseTableChecks tableChecks, CancellationToken cancellationToken)
    {
        var log = new ClickHouseEventLog(database);
        IReadOnlyList<string> columns = [];
        await report.TryAsync(
            "Table",
            EventLogTable.Name,
            async token =>
            {
                var inspection = await log.Table.InspectAsync(token).ConfigureAwait(false);
                TableChecks.Add(report, inspection, EventLogTable.Name);
                if (inspection.Findings.All(finding => finding.Verdict != Tables.TableVerdict.Unusable)) columns = inspection.Columns;
            },
            CheckUrl,
            cancellationToken).ConfigureAwait(false);
        if (columns.Count == 0) return;
        await tableChecks.CheckEventLogAsync(log, cancellationToken).ConfigureAwait(false);

        var isAllowed = await report.TryAsync(
            "Permission",
            EventLogTable.Name,
            async token =>
            {
                await database.TryReadAsync(EventLogTable.Name, columns, token).ConfigureAwait(false);
                report.Add(
                    "Permission", EventLogTable.Name, CheckResult.Passed, "The user may SELECT all columns that a replay reads.");
            },
            AskAdministrator,
            cancellationToken).ConfigureAwait(false);
        if (!isAllowed || tenantId is null) return;
        foreach (var projection in projections)
        {
            await report.TryAsync(
                "Events",
                projection.Definition.Name,
                token => FindEventsAsync(log, projection.Definition, token),
                CheckUrl,
                cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task FindEventsAsync(ClickHouseEventLog log, ProjectionDefinition definition, CancellationToken cancellationToken)
    {
        var selection = new EventSelection(tenantId!, definition.AggregateTypes, definition.EventTypes, DateTimeOffset.UnixEpoch);
        if (await log.HasEventsAsync(selection, cancellationToken).ConfigureAwait(false))
        {
            report.Add("Events", definition.Name, CheckResult.Passed, $"Tenant '{tenantId}' has events for the projection.");
            return;
        }

        report.Add(
            "Events",
            definition.Name,
            CheckResult.Warning,
            $"Tenant '{tenantId}' has no event for the projection.",
            "If there should be some, check how the tenant's id is written (capitals count), and the database of the ClickHouse URL.");
    }

    private Task<bool> CheckInsertAsync(
        ClickHouseDatabase database, string table, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        report.TryAsync(
            "Permission",
            table,
            async token =>
            {
                var isGranted = await database.IsGrantedAsync("INSERT", table, columns, token).ConfigureAwait(false);
                report.Add(
                    "Permission",
                    table,
                    isGranted ? CheckResult.Passed : CheckResult.Failed,
                    isGranted
                        ? "The user may SELECT and, by CHECK GRANT, INSERT; no row was written."
                        : "The user may not INSERT, by CHECK GRANT.",
                    isGranted ? "" : AskAdministrator);
            },
            "Servers that are older than 24.10 do not know CHECK GRANT: look at the output of SHOW GRANTS for INSERT on the table.",
            cancellationToken,
            CheckResult.NotChecked);
}

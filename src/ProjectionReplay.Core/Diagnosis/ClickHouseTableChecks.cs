using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;

namespace ProjectionReplay.Diagnosis;

/// <summary>Looks at what a table of ClickHouse is made of: its engine, its TTL, its replicas.</summary>
internal sealed class ClickHouseTableChecks(ClickHouseDatabase database, ServerProfile profile, CheckReport report, string advice)
{
    private const string AskForGrant = "GRANT SELECT ON system.replicas TO the user, or look there yourself.";

    /// <summary>Checks the event log, which is there.</summary>
    public async Task CheckEventLogAsync(ClickHouseEventLog log, CancellationToken cancellationToken)
    {
        const string Table = EventLogTable.Name;
        var engine = await FindEngineAsync(
            Table, found => ClickHouseRules.EventLogEngine(found, log.Table.HasParts), cancellationToken).ConfigureAwait(false);
        await report.TryAsync(
            "TimeToLive",
            Table,
            async token => report.Add(
                Table, ClickHouseRules.TimeToLive(await log.Table.HasTimeToLiveAsync(token).ConfigureAwait(false))),
            advice,
            cancellationToken).ConfigureAwait(false);
        await CheckReplicasAsync(Table, engine, isTarget: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Checks a table that projections are stored in, which is there.</summary>
    public async Task CheckTargetAsync(string table, CancellationToken cancellationToken)
    {
        var engine = await FindEngineAsync(table, ClickHouseRules.TargetEngine, cancellationToken).ConfigureAwait(false);
        await CheckReplicasAsync(table, engine, isTarget: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What the server tells of a table's replica on it: one row; none when the table has no others.</summary>
    internal static async Task<IReadOnlyList<ReplicaState>> ReadReplicasAsync(
        ClickHouseDatabase database, string table, CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            ReplicaState.Sql, [new("table", "String", table)], columns: 5, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(ReplicaState.Parse)];
    }

    private async Task<string> FindEngineAsync(string table, Func<string, CheckFinding> judge, CancellationToken cancellationToken)
    {
        const string Sql = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}";
        var engine = "";
        await report.TryAsync(
            "Engine",
            table,
            async token =>
            {
                var rows = await database.QueryTextsAsync(Sql, [new("table", "String", table)], columns: 1, token).ConfigureAwait(false);
                engine = rows is [[var found]] ? found : "";
                report.Add(
                    table,
                    engine.Length > 0
                        ? judge(engine)
                        : new CheckFinding("Engine", CheckResult.NotChecked, "The server does not tell its engine.", advice));
            },
            advice,
            cancellationToken).ConfigureAwait(false);
        return engine;
    }

    private async Task CheckReplicasAsync(string table, string engine, bool isTarget, CancellationToken cancellationToken)
    {
        string[] replicated = ["Replicated", "Shared"];
        if (!Array.Exists(replicated, kind => engine.StartsWith(kind, StringComparison.Ordinal))) return;
        await report.TryAsync(
            "Replicas",
            table,
            async token =>
            {
                var rows = await ReadReplicasAsync(database, table, token).ConfigureAwait(false);
                report.Add(table, ClickHouseRules.Replicas(engine, rows));
                if (isTarget && ClickHouseRules.Quorum(rows, profile.Find(QuerySettings.Quorum)) is { } quorum) report.Add(table, quorum);
            },
            AskForGrant,
            cancellationToken,
            CheckResult.NotChecked).ConfigureAwait(false);
    }
}

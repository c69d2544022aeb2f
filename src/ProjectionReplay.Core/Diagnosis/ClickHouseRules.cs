using System.Globalization;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Diagnosis;

/// <summary>What the answers of a ClickHouse server mean for a replay. Asks nothing itself.</summary>
internal static class ClickHouseRules
{
    /// <summary>
    /// The first release of which it is known that queries can work: it reads parameters from a form (its own tests have that
    /// since 22.8), and has intervals of milliseconds (since 22.5). What else is sent is older, or only sent where it is known.
    /// </summary>
    public static readonly Version OldestVersion = new(22, 8);

    /// <summary>The oldest release that the workflows of the repository name. Older ones were never tried by anybody.</summary>
    public static readonly Version TriedVersion = new(24, 8);

    /// <summary>Whether queries of a replay can work with a version of the server.</summary>
    public static CheckFinding Version(string stated)
    {
        const string Check = "Version";
        var name = $"ClickHouse {stated}";
        var parts = stated.Split('.');
        if (parts.Length < 2 || !System.Version.TryParse($"{parts[0]}.{parts[1]}", out var version))
        {
            return new(Check, CheckResult.NotChecked, $"{name}, which is no version.", $"Make sure that it is {OldestVersion} or later.");
        }

        return version < OldestVersion
            ? new(
                Check,
                CheckResult.Failed,
                $"{name}, which does not take the parameters of a query from the request's body.",
                $"Bring ClickHouse to version {OldestVersion} or later, better {TriedVersion} or later.")
            : version < TriedVersion
            ? new(
                Check,
                CheckResult.Warning,
                $"{name}, which should do; but no test is set up for one that is older than {TriedVersion}.",
                $"Bring ClickHouse to version {TriedVersion} or later, or try -WhatIf and Compare-ReplayProjection first.")
            : new(Check, CheckResult.Passed, $"{name}.");
    }

    /// <summary>Whether the user may write.</summary>
    /// <param name="user">The user's name.</param>
    /// <param name="mode">The setting <c>readonly</c>.</param>
    /// <param name="stores">Whether a projection is stored in ClickHouse at all.</param>
    public static CheckFinding ReadOnly(string user, string mode, bool stores)
    {
        const string Check = "ReadOnly";
        if (mode == "0") return new(Check, CheckResult.Passed, $"{user} may write.");
        var detail = $"{user} may only read (readonly = {mode}){(mode == "1" ? ", and change no setting" : "")}: "
            + "-WhatIf and Compare-ReplayProjection work";
        return stores
            ? new(
                Check,
                CheckResult.Failed,
                $"{detail}, and nothing can be stored.",
                "To store, give the user a settings profile with readonly = 0, or name another user in the ClickHouse URL.")
            : new(Check, CheckResult.Passed, $"{detail}, and so do counters, which are stored elsewhere.");
    }

    /// <summary>Whether queries can have the settings that they need.</summary>
    /// <param name="profile">The user's settings profile.</param>
    /// <param name="stores">Whether a projection is stored in ClickHouse at all.</param>
    public static CheckFinding Settings(ServerProfile profile, bool stores)
    {
        const string Check = "Settings";

        // Who may change no setting may not insert either: that is told by itself.
        var wanted = stores && profile.MayChangeSettings ? QuerySettings.Reading.Concat(QuerySettings.Writing) : QuerySettings.Reading;
        var differences = profile.Differences([.. wanted.Distinct()]).OrderBy(setting => setting.Name, StringComparer.Ordinal).ToList();
        var locked = differences.Where(setting => setting.IsLocked).ToList();
        if (locked.Count > 0)
        {
            return new(
                Check,
                CheckResult.Failed,
                $"The user's settings profile has {List(locked, setting => setting.Found)}, and does not let that be changed: "
                    + "answers may end early, or rows be lost, without an error.",
                $"Have the profile set {List(locked, setting => setting.Wanted)}, or let the user change that.");
        }

        return new(
            Check,
            CheckResult.Passed,
            differences.Count == 0
                ? "The user's settings profile has all that a replay relies on."
                : "A replay overrides, for its own queries, what the user's settings profile has: "
                    + $"{List(differences, setting => setting.Found)}.");
    }

    /// <summary>What the engine of the event log means for reading it.</summary>
    /// <param name="engine">The engine's name.</param>
    /// <param name="hasParts">Whether its parts can be told from each other.</param>
    public static CheckFinding EventLogEngine(string engine, bool hasParts)
    {
        const string Check = "Engine";
        const string Counted = "what came in meanwhile cannot be told by its parts, so that rows are counted each time, which takes longer";
        return engine switch
        {
            "Distributed" => new(
                Check,
                CheckResult.Warning,
                $"It is a Distributed table: {Counted}. Each query may go to other replicas of the shards, and one that lags behind "
                    + "lacks the newest events.",
                "Make sure that the replicas do not lag behind, or that queries go to the same ones (load_balancing = 'in_order')."),
            _ when hasParts => new(Check, CheckResult.Passed, $"It is of engine {engine}."),
            _ => new(Check, CheckResult.Passed, $"It is of engine {engine}: {Counted}."),
        };
    }

    /// <summary>Whether older events go by themselves.</summary>
    public static CheckFinding TimeToLive(bool hasTimeToLive) => hasTimeToLive
        ? new(
            "TimeToLive",
            CheckResult.Warning,
            "The table has a TTL: unless that only moves rows to another disk, older events go by themselves.",
            "Know that a replay sees only what is left: rows of aggregates whose first events are gone are left alone, and -Rebuild "
                + "is refused where counters reach further back than the log. Keep events for as long as you may want to replay them.")
        : new("TimeToLive", CheckResult.Passed, "The table has no TTL: events stay until somebody removes them.");

    /// <summary>Whether a table keeps, of all rows with one key, the latest.</summary>
    public static CheckFinding TargetEngine(string engine)
    {
        const string Check = "Engine";
        const string Needed = "Use a table of engine ReplacingMergeTree, or ReplicatedReplacingMergeTree.";
        if (engine.EndsWith("ReplacingMergeTree", StringComparison.Ordinal))
        {
            return new(Check, CheckResult.Passed, $"It is of engine {engine}, which keeps the latest row of each key.");
        }

        return engine switch
        {
            "Distributed" => new(
                Check,
                CheckResult.Warning,
                "It is a Distributed table: a replay waits until the shards have its rows, but the tables behind it were not looked at.",
                "Make sure that those are of engine ReplacingMergeTree, and that the sharding key brings all rows of one key to one "
                    + "shard."),
            "MaterializedView" => new(
                Check,
                CheckResult.Warning,
                "It is a materialized view: the table behind it was not looked at.",
                "Make sure that the table behind it is of engine ReplacingMergeTree."),
            "Buffer" => new(
                Check,
                CheckResult.Warning,
                "It is a Buffer table: rows that a replay has stored stand in memory for a while, and a crash of the server loses them.",
                "Point the projection to the table behind it."),
            _ when engine.EndsWith("MergeTree", StringComparison.Ordinal) => new(
                Check,
                CheckResult.Failed,
                $"It is of engine {engine}, which does not keep the latest row of each key: a replay would add rows, and replace none.",
                Needed),
            _ => new(Check, CheckResult.Failed, $"It is of engine {engine}, in which rows are not replaced.", Needed),
        };
    }

    /// <summary>Whether a table of several replicas is in order on this one.</summary>
    /// <param name="engine">The table's engine.</param>
    /// <param name="rows">What the server tells of the table's replica: one row, or none.</param>
    public static CheckFinding Replicas(string engine, IReadOnlyList<ReplicaState> rows)
    {
        const string Check = "Replicas";
        if (rows.Count == 0)
        {
            return new(
                Check,
                CheckResult.NotChecked,
                engine.StartsWith("Shared", StringComparison.Ordinal)
                    ? "Its replicas share their data, and the server does not tell how far one is behind."
                    : "The server does not tell of its replicas (table system.replicas).",
                "Make sure that the replica which the ClickHouse URL leads to takes writes, and does not lag behind.");
        }

        var state = rows[0];
        var details = new List<string>();
        var advice = new List<string>();
        var result = CheckResult.Passed;
        if (state.IsReadOnly)
        {
            result = CheckResult.Failed;
            details.Add("This replica is read-only: it takes no rows, and no new ones come to it.");
            advice.Add("See to its connection to Keeper (ZooKeeper), or point the ClickHouse URL to another replica.");
        }

        if (state.DelaySeconds > 0)
        {
            if (result == CheckResult.Passed) result = CheckResult.Warning;
            details.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"This replica is {state.DelaySeconds} s behind, with {state.QueuedInserts} inserts in its queue."));
            advice.Add("Wait until it has caught up, or point the ClickHouse URL to a replica that has.");
        }

        if (state.ActiveReplicas < state.TotalReplicas)
        {
            if (result == CheckResult.Passed) result = CheckResult.Warning;
            details.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"Only {state.ActiveReplicas} of {state.TotalReplicas} replicas are up: the others have older rows when they come back."));
            advice.Add("Bring them back first, or see that nobody reads from them before they have caught up.");
        }

        if (details.Count == 0)
        {
            details.Add(string.Create(
                CultureInfo.InvariantCulture, $"All {state.TotalReplicas} replicas are up, and this one takes writes and is not behind."));
        }

        return new(Check, result, string.Join(' ', details), string.Join(' ', advice));
    }

    /// <summary>Whether live handlers may read older rows, from another replica, than a replay has stored; null with one replica.</summary>
    /// <param name="rows">What the server tells of the table's replica: one row, or none.</param>
    /// <param name="quorum">What the user's profile has for <c>insert_quorum</c>; null when the server does not know it.</param>
    public static CheckFinding? Quorum(IReadOnlyList<ReplicaState> rows, string? quorum)
    {
        const string Check = "Quorum";
        if (rows is not [{ TotalReplicas: > 1 } state]) return null;
        var replicas = string.Create(CultureInfo.InvariantCulture, $"The table has {state.TotalReplicas} replicas");
        return quorum is null or "" or "0" or "1"
            ? new(
                Check,
                CheckResult.Warning,
                $"{replicas}, and an insert is answered when one of them has it (insert_quorum = {quorum ?? "0"}): "
                    + "live handlers that read from another one may read older state than a replay has stored, and store that again.",
                "Point replays and live handlers to the same replica, or set insert_quorum in the profile of the user.")
            : new(
                Check,
                CheckResult.Passed,
                $"{replicas}, and an insert waits for more than one of them (insert_quorum = {quorum}).");
    }

    private static string List(IEnumerable<SettingDifference> settings, Func<SettingDifference, string> value) =>
        string.Join(", ", settings.Select(setting => $"{setting.Name} = '{value(setting)}'"));
}

/// <summary>What <c>system.replicas</c> tells of one table on the server that was asked.</summary>
/// <param name="IsReadOnly">Whether it takes no writes, as it has lost Keeper, as a rule.</param>
/// <param name="DelaySeconds">How far it is behind.</param>
/// <param name="QueuedInserts">Blocks of rows that it still has to fetch.</param>
/// <param name="TotalReplicas">Replicas that the table has.</param>
/// <param name="ActiveReplicas">Those of them that are up.</param>
internal sealed record ReplicaState(bool IsReadOnly, ulong DelaySeconds, ulong QueuedInserts, ulong TotalReplicas, ulong ActiveReplicas)
{
    /// <summary>Selects what <see cref="Parse"/> reads, of one table, as text.</summary>
    public const string Sql = """
        SELECT toString(is_readonly), toString(absolute_delay), toString(inserts_in_queue),
            toString(total_replicas), toString(active_replicas)
        FROM system.replicas
        WHERE database = currentDatabase() AND table = {table:String}
        """;

    /// <summary>Reads a row.</summary>
    public static ReplicaState Parse(string[] row)
    {
        var numbers = Array.ConvertAll(row, text => ulong.Parse(text, CultureInfo.InvariantCulture));
        return new(numbers[0] != 0, numbers[1], numbers[2], numbers[3], numbers[4]);
    }
}

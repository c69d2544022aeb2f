using System.Globalization;

namespace ProjectionReplay.Diagnosis;

/// <summary>Whether a Redis takes writes now, by what it tells of itself. Writes nothing to find out.</summary>
internal static class RedisWriteRule
{
    private const string Check = "Writes";
    private const string StopsOnError = "stop-writes-on-bgsave-error";
    private const string SavePoints = "save";
    private const string WantedReplicas = "min-replicas-to-write";

    /// <summary>Of the memory that it may use, how much leaves room for markers.</summary>
    private const double Roomy = 0.9;

    /// <summary>What is wanted of its configuration, besides what INFO tells of persistence, memory and replication.</summary>
    public static readonly string[] Configuration = [StopsOnError, SavePoints, WantedReplicas];

    /// <summary>Judges it.</summary>
    /// <param name="told">What INFO and CONFIG GET tell, by name; some of it may be missing.</param>
    public static CheckFinding Judge(IReadOnlyDictionary<string, string> told)
    {
        CheckFinding?[] faults = [OfSnapshots(told), OfAppendLog(told), OfReplicas(told), OfMemory(told)];
        var found = faults.OfType<CheckFinding>().ToList();
        if (found.Count > 0)
        {
            return new(
                Check,
                found.Exists(fault => fault.Result == CheckResult.Failed) ? CheckResult.Failed : CheckResult.Warning,
                string.Join(' ', found.Select(fault => fault.Detail)),
                string.Join(' ', found.Select(fault => fault.Advice)));
        }

        return told.ContainsKey("rdb_last_bgsave_status") && told.ContainsKey("maxmemory")
            ? new(Check, CheckResult.Passed, "It takes writes: its memory is not full, and nothing else keeps it from them.")
            : new(
                Check,
                CheckResult.NotChecked,
                "The server does not tell whether it takes writes now.",
                "Look at the memory that it has left, and at its log.");
    }

    private static CheckFinding? OfSnapshots(IReadOnlyDictionary<string, string> told)
    {
        if (Text(told, "rdb_last_bgsave_status") != "err") return null;

        // Without save points nobody waits for a snapshot.
        var (stops, save) = (Text(told, StopsOnError), Text(told, SavePoints));
        if (stops == "no" || save == "") return null;
        return new(
            Check,
            stops is null ? CheckResult.Warning : CheckResult.Failed,
            stops is null
                ? $"Its last snapshot failed: unless {StopsOnError} is no, it takes no writes (MISCONF)."
                : $"It takes no writes (MISCONF): its last snapshot failed, and {StopsOnError} is {stops}.",
            "Look into its log for why the snapshot failed: a disk that is full, a folder that is gone. Then let it run BGSAVE.");
    }

    private static CheckFinding? OfAppendLog(IReadOnlyDictionary<string, string> told) => Text(told, "aof_last_write_status") != "err"
        ? null
        : new(
            Check,
            CheckResult.Failed,
            "It takes no writes (MISCONF): it could not write its append-only file.",
            "Look into its log for why: a disk that is full, as a rule.");

    private static CheckFinding? OfReplicas(IReadOnlyDictionary<string, string> told)
    {
        // Told where a number of replicas is asked for.
        if (Number(told, "min_slaves_good_slaves") is not { } good) return null;
        var wanted = Number(told, WantedReplicas) ?? 1;
        return good >= wanted
            ? null
            : new(
                Check,
                CheckResult.Failed,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"It takes no writes (NOREPLICAS): {good} of its replicas are up and not behind, and {WantedReplicas} is {wanted}."),
                $"Bring its replicas back, or lower {WantedReplicas}.");
    }

    private static CheckFinding? OfMemory(IReadOnlyDictionary<string, string> told)
    {
        // With any other policy it evicts keys, which has a check of its own.
        if (Number(told, "maxmemory") is not (> 0 and var most)
            || Number(told, "used_memory") is not { } used
            || Text(told, "maxmemory_policy") is not (null or "noeviction")
            || used < most * Roomy)
        {
            return null;
        }

        var isFull = used >= most;
        return new(
            Check,
            isFull ? CheckResult.Failed : CheckResult.Warning,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(isFull ? "It takes no writes (OOM)" : "It is about to take no writes")}: "
                    + $"it uses {used} bytes of memory, and maxmemory is {most}."),
            "Give it more memory (maxmemory), or remove what nobody needs.");
    }

    private static string? Text(IReadOnlyDictionary<string, string> told, string name) =>
        told.TryGetValue(name, out var text) ? text : null;

    private static long? Number(IReadOnlyDictionary<string, string> told, string name) =>
        long.TryParse(Text(told, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}

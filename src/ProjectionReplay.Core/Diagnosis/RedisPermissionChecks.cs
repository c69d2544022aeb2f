using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Diagnosis;

/// <summary>
/// Asks Redis whether the user may run the commands of a replay on its keys, by <c>ACL DRYRUN</c>, which runs none. Where
/// the server does not say, it is left at a read that changes nothing.
/// </summary>
internal sealed class RedisPermissionChecks(
    RedisServer redis, IServer server, IReadOnlyList<IFoldProjection> projections, CheckReport report)
{
    private const string Check = "Permission";
    private const string Scripts = "Scripts";

    /// <summary>The commands that a replay sends, as its client words them.</summary>
    public static readonly string[] Commands =
    [
        "EVAL", "EXEC", "EXISTS", "EXPIRE", "GET", "HDEL", "HMSET", "HSCAN", "HSET", "MGET", "MULTI",
        "SADD", "SCAN", "SCARD", "SET", "SMEMBERS", "SMISMEMBER", "SREM", "SSCAN",
        "UNLINK", "UNWATCH", "WATCH", "ZRANGEBYSCORE",
    ];

    private static readonly string Allow =
        $"Let the user run the commands of a replay ({string.Join(", ", Commands)}) "
            + "on projection-replay:* and on the queues of the projections.";

    /// <summary>Makes the checks, one for each projection.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        string? user = null;
        var reason = "";
        await report.TryAsync(
            Check,
            "",
            async token =>
            {
                try
                {
                    var name = (await ExecuteAsync("ACL", ["WHOAMI"], token).ConfigureAwait(false)).ToString();
                    await ExecuteAsync("ACL", ["DRYRUN", name, "PING"], token).ConfigureAwait(false);
                    user = name;
                }
                catch (RedisServerException exception)
                {
                    reason = FaultText.Describe(exception);
                }
            },
            Allow,
            cancellationToken).ConfigureAwait(false);

        if (user is null)
        {
            await report.TryAsync(Check, "", token => ReadAsync(reason, token), Allow, cancellationToken).ConfigureAwait(false);
            return;
        }

        foreach (var definition in projections.Select(projection => projection.Definition))
        {
            await report.TryAsync(
                Check, definition.Name, token => DryRunAsync(definition, user, token), Allow, cancellationToken).ConfigureAwait(false);

            // On a cluster the lock and the markers stand in two slots, which no script may span.
            if (redis.IsCluster) continue;
            await report.TryAsync(
                Scripts,
                definition.Name,
                token => DryRunScriptAsync(definition, user, token),
                Allow,
                cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(string reason, CancellationToken cancellationToken)
    {
        foreach (var projection in projections)
        {
            await redis.Database
                .KeyExistsAsync(ReplayMarkers.CutoffPrefix + projection.Definition.Name)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        report.Add(
            Check,
            "",
            CheckResult.NotChecked,
            $"The user may read. Whether it may write was not checked, as the server does not say: {reason}",
            "Make sure that it may read and write projection-replay:* and read the queues of the projections.");
    }

    private async Task DryRunAsync(ProjectionDefinition definition, string user, CancellationToken cancellationToken)
    {
        var denied = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var command in CommandsOf(definition))
        {
            // What is denied is told by a text of its own, and what cannot be asked by an error.
            var answer = (await ExecuteAsync("ACL", ["DRYRUN", user, .. command], cancellationToken).ConfigureAwait(false)).ToString();
            if (answer != "OK") denied.Add(command[0]);
        }

        report.Add(
            Check,
            definition.Name,
            denied.Count == 0 ? CheckResult.Passed : CheckResult.Failed,
            denied.Count == 0
                ? $"User '{user}' may run the commands of a replay, by ACL DRYRUN; none was run."
                : $"User '{user}' may not run {string.Join(", ", denied)} on the keys of the projection, by ACL DRYRUN.",
            denied.Count == 0 ? "" : Allow);
    }

    /// <summary>Whether the user may run scripts. A replay works without, and looks at its lock right before then.</summary>
    private async Task DryRunScriptAsync(ProjectionDefinition definition, string user, CancellationToken cancellationToken)
    {
        string answer;
        try
        {
            string[] command = ["DRYRUN", user, .. ScriptOf(definition)];
            answer = (await ExecuteAsync("ACL", command, cancellationToken).ConfigureAwait(false)).ToString();
        }
        catch (RedisServerException exception)
        {
            // The server has no such command: others have renamed it, or taken it away.
            answer = FaultText.Describe(exception);
        }

        report.Add(
            Scripts,
            definition.Name,
            answer == "OK" ? CheckResult.Passed : CheckResult.Warning,
            answer == "OK"
                ? $"User '{user}' may run scripts (EVAL), by which markers change only while the run's lock stands."
                : $"User '{user}' cannot run scripts (EVAL): a replay looks at its lock right before it changes markers, and not at the "
                    + "same moment.",
            answer == "OK" ? "" : "Let the user run EVAL on projection-replay:*, where the server has it.");
    }

    private Task<RedisResult> ExecuteAsync(string command, string[] arguments, CancellationToken cancellationToken) =>
        server.ExecuteAsync(command, [.. arguments.Cast<object>()]).WaitAsync(cancellationToken);

    /// <summary>A script as a replay sends it: about its lock, the markers and the completed aggregates.</summary>
    private static string[] ScriptOf(ProjectionDefinition definition) =>
    [
        "EVAL",
        "return 0",
        "3",
        new ReplayLockScope(definition.Name, "t").Key.ToString(),
        ReplayMarkers.CutoffPrefix + definition.Name,
        ReplayMarkers.CompletedPrefix + definition.Name,
    ];

    /// <summary>The commands that no replay can do without, as it sends them, with some aggregate of some tenant.</summary>
    private static IEnumerable<string[]> CommandsOf(ProjectionDefinition definition)
    {
        const string Aggregate = "t:a:i";
        var cutoffs = ReplayMarkers.CutoffPrefix + definition.Name;
        var completed = ReplayMarkers.CompletedPrefix + definition.Name;
        var held = new ReplayLockScope(definition.Name, "t").Key.ToString();
        var divisions = new ReplayLockScope(definition.Name, "t", new ReplayShard(1, 2)).DivisionsKey.ToString();
        var rebuild = ReplayMarkers.RebuildKey(definition.Name, "t").ToString();
        var group = new GroupKeys(definition.QueueName);
        var active = group.Active("t:a:i"u8.ToArray()).ToString();
        var jobs = group.Jobs("t:a:i"u8.ToArray()).ToString();
        yield return ["SCAN", "0"];
        yield return ["HSET", cutoffs, Aggregate, ReplayMarkers.Pending];
        yield return ["HMSET", cutoffs, Aggregate, ReplayMarkers.Pending];
        yield return ["HDEL", cutoffs, Aggregate];
        yield return ["HSCAN", cutoffs, "0"];
        yield return ["EXPIRE", cutoffs, "1"];
        yield return ["SADD", completed, Aggregate];
        yield return ["SREM", completed, Aggregate];
        yield return ["SSCAN", completed, "0"];
        yield return ["SMISMEMBER", completed, Aggregate];
        yield return ["SCARD", completed];
        yield return ["UNLINK", completed];
        yield return ["SET", held, "v", "EX", "1", "NX"];
        yield return ["GET", held];
        yield return ["UNLINK", held];
        yield return ["EXPIRE", held, "1"];
        yield return ["WATCH", held];
        yield return ["WATCH", completed];
        yield return ["UNWATCH"];
        yield return ["MULTI"];
        yield return ["EXEC"];
        yield return ["SADD", divisions, "2"];
        yield return ["SMEMBERS", divisions];
        yield return ["SET", rebuild, "v"];
        yield return ["UNLINK", rebuild];
        yield return ["EXISTS", rebuild];
        yield return ["MGET", active];
        yield return ["GET", active];
        yield return ["EXISTS", active];
        yield return ["EXISTS", jobs];
        yield return ["ZRANGEBYSCORE", jobs, "-inf", "+inf"];
    }
}

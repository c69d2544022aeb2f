using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Markers;
using ProjectionReplay.Projections;
using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Diagnosis;

/// <summary>What a replay needs of Redis: a primary that forgets nothing, and leave to use its keys.</summary>
internal sealed class RedisChecks(
    ReplayConnections connections, IReadOnlyList<IFoldProjection> projections, string? tenantId, CheckReport report)
{
    private const string CheckUrl =
        "Check that Redis is up, and that REDIS_URL (or -RedisUrl) points to it with a valid user, password and database number.";

    /// <summary>The first that knows SMISMEMBER, by which completed aggregates are looked up. All else that is sent is older.</summary>
    private static readonly Version OldestVersion = new(6, 2);

    public Task RunAsync(CancellationToken cancellationToken) => report.RunAsync(CheckAsync, cancellationToken);

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!report.TryResolve(connections.ResolveRedis, ServerSettings.Redis, out var options)) return;
        RedisServer? redis = null;
        try
        {
            // Once is enough to see whether it is there.
            (options.ConnectRetry, options.ConnectTimeout, options.AsyncTimeout) = (1, 3_000, 4_000);

            // The client keeps INFO, ROLE and CONFIG GET from those who do not say so.
            options.AllowAdmin = true;
            var isConnected = await report.TryAsync(
                "Connection",
                "",
                async token => redis = await ConnectAsync(options, token).ConfigureAwait(false),
                CheckUrl,
                cancellationToken).ConfigureAwait(false);
            if (isConnected) await CheckServersAsync(redis!, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (redis is not null) await redis.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<RedisServer> ConnectAsync(ConfigurationOptions options, CancellationToken cancellationToken)
    {
        var redis = await RedisServer.ConnectAsync(options, cancellationToken).ConfigureAwait(false);

        var asked = report.TimeProvider.GetTimestamp();
        try
        {
            await redis.Database.PingAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RedisServerException)
        {
            // An answer as well: a server that takes no writes refuses even this. Why is for another check to say.
        }

        var took = report.TimeProvider.GetElapsedTime(asked);
        report.Add(
            "Connection",
            "",
            CheckResult.Passed,
            string.Create(
                CultureInfo.InvariantCulture,
                $"It answered user '{options.User ?? "default"}' in {took.TotalMilliseconds:0} ms, "
                    + $"from database {redis.Database.Database}{(redis.IsCluster ? ", as a cluster" : "")}."));
        return redis;
    }

    private async Task CheckServersAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        // Of a cluster's nodes, one that may be written to speaks for all.
        var server = redis.Connected.FirstOrDefault(server => !server.IsReplica) ?? redis.Connected[0];
        await TryAsync("Version", async token =>
        {
            CheckVersion(await InfoAsync(server, "server", token).ConfigureAwait(false), server.Version);
        }).ConfigureAwait(false);
        await TryAsync("Role", token => CheckRoleAsync(server, token)).ConfigureAwait(false);
        await TryAsync(
            "Clock",
            token => ClockCheck.RunAsync(
                report,
                ClockCheck.DisplayTolerance,
                "No replay goes wrong by it, but the times in its log and those of the live system do not go together.",
                async () => new DateTimeOffset(await server.TimeAsync().WaitAsync(token).ConfigureAwait(false)))).ConfigureAwait(false);
        await TryAsync("Eviction", token => CheckEvictionAsync(server, token)).ConfigureAwait(false);
        await TryAsync("Writes", token => CheckWritesAsync(server, token)).ConfigureAwait(false);
        await new RedisPermissionChecks(redis, server, projections, report).RunAsync(cancellationToken).ConfigureAwait(false);
        if (tenantId is null) return;
        foreach (var projection in projections)
        {
            await report.TryAsync(
                "Lock",
                projection.Definition.Name,
                token => FindLockAsync(redis, projection.Definition.Name, token),
                CheckUrl,
                cancellationToken).ConfigureAwait(false);
        }

        // Where the server keeps something to itself, it is not known to be wrong.
        Task TryAsync(string check, Func<CancellationToken, Task> look) => report.TryAsync(
            check,
            "",
            look,
            "Look at the server itself, or let the user run INFO, ROLE, TIME and CONFIG GET.",
            cancellationToken,
            CheckResult.NotChecked);
    }

    private void CheckVersion(Dictionary<string, string> info, Version spoken)
    {
        var name = info.TryGetValue("valkey_version", out var valkey) ? $"Valkey {valkey}"
            : info.TryGetValue("garnet_version", out var garnet) ? $"Garnet {garnet}"
            : info.TryGetValue("redis_version", out var redis) ? $"Redis {redis}"
            : $"A server that is like Redis {spoken}";
        var isTooOld = info.TryGetValue("redis_version", out var stated)
            && Version.TryParse(stated, out var version)
            && version < OldestVersion;
        report.Add(
            "Version",
            "",
            isTooOld ? CheckResult.Failed : CheckResult.Passed,
            isTooOld ? $"{name}, which does not know SMISMEMBER." : $"{name}.",
            isTooOld ? $"Bring Redis to version {OldestVersion} or later." : "");
    }

    private async Task CheckRoleAsync(IServer server, CancellationToken cancellationToken)
    {
        var role = (RedisResult[])(await server.ExecuteAsync("ROLE").WaitAsync(cancellationToken).ConfigureAwait(false))!;
        var isPrimary = role[0].ToString() == "master";
        report.Add(
            "Role",
            "",
            isPrimary ? CheckResult.Passed : CheckResult.Failed,
            isPrimary ? "It is the primary." : $"It is a replica, in the role of '{role[0]}', which takes no markers.",
            isPrimary ? "" : "Point REDIS_URL (or -RedisUrl) to the primary that the live system uses.");
    }

    private async Task CheckEvictionAsync(IServer server, CancellationToken cancellationToken)
    {
        const string Setting = "maxmemory-policy";
        if (!(await InfoAsync(server, "memory", cancellationToken).ConfigureAwait(false)).TryGetValue("maxmemory_policy", out var policy))
        {
            var answer = (RedisResult[])(
                await server.ExecuteAsync("CONFIG", "GET", Setting).WaitAsync(cancellationToken).ConfigureAwait(false))!;
            policy = answer.Length == 2 ? answer[1].ToString() : null;
        }

        switch (policy)
        {
            case null:
                report.Add(
                    "Eviction",
                    "",
                    CheckResult.NotChecked,
                    $"The server does not say what its {Setting} is.",
                    "Make sure that it evicts no keys when its memory is full.");
                break;
            case "noeviction":
                report.Add("Eviction", "", CheckResult.Passed, $"It evicts no keys ({Setting} is noeviction).");
                break;
            default:
                report.Add(
                    "Eviction",
                    "",
                    CheckResult.Warning,
                    $"It may evict keys when its memory is full ({Setting} is {policy}), those with an expiry among them: "
                        + "all markers of a projection at once, and the run lock.",
                    $"Set {Setting} to noeviction, which the live system's queues need too.");
                break;
        }
    }

    private async Task CheckWritesAsync(IServer server, CancellationToken cancellationToken)
    {
        var told = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var section in (string[])["persistence", "memory", "replication"])
        {
            foreach (var (name, value) in await InfoAsync(server, section, cancellationToken).ConfigureAwait(false)) told[name] = value;
        }

        // What INFO does not have. A user may be kept from it, and the rest is worth telling all the same.
        foreach (var name in RedisWriteRule.Configuration)
        {
            try
            {
                var answer = (RedisResult[])(
                    await server.ExecuteAsync("CONFIG", "GET", name).WaitAsync(cancellationToken).ConfigureAwait(false))!;
                if (answer.Length == 2) told[name] = answer[1].ToString();
            }
            catch (RedisServerException)
            {
                break;
            }
        }

        report.Add("", RedisWriteRule.Judge(told));
    }

    private async Task FindLockAsync(RedisServer redis, string projection, CancellationToken cancellationToken)
    {
        var occupant = await ReplayLock.FindOccupantAsync(
            redis, new ReplayLockScope(projection, tenantId), cancellationToken).ConfigureAwait(false);
        report.Add(
            "Lock",
            projection,
            occupant is null ? CheckResult.Passed : CheckResult.Warning,
            occupant is null
                ? $"No replay of the projection is at work for tenant '{tenantId}'."
                : $"A replay of the projection is at work: {ReplayRunAtWork.Of(occupant)}.",
            occupant is null ? "" : "Wait for it to end, or stop it: a second one is refused meanwhile.");
    }

    private static async Task<Dictionary<string, string>> InfoAsync(IServer server, string section, CancellationToken cancellationToken)
    {
        var text = (await server.ExecuteAsync("INFO", section).WaitAsync(cancellationToken).ConfigureAwait(false)).ToString();
        return text.Split('\n')
            .Select(line => line.TrimEnd('\r').Split(':', 2))
            .Where(parts => parts.Length == 2)
            .GroupBy(parts => parts[0], parts => parts[1], StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
    }
}

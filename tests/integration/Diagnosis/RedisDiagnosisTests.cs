using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Diagnosis;

/// <summary>What a real Redis tells of itself, which the sandbox's does not.</summary>
public sealed class RedisDiagnosisTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Nothing_is_wrong_with_a_Redis_of_its_own()
    {
        await using var redis = await RealRedis.StartAsync();

        var outcome = await DiagnoseAsync(redis.Url);

        Assert.All(outcome.Checks, check => Assert.Equal("Passed", check.Result));
        Assert.StartsWith("Redis ", outcome.Of("Redis", "Version").Detail, StringComparison.Ordinal);
        outcome.ShouldBe("Passed", "Redis", "Eviction");
        outcome.ShouldBe("Passed", "Redis", "Role");
        outcome.ShouldBe("Passed", "Redis", "Permission", "evaluationState");
        outcome.ShouldBe("Passed", "Redis", "Scripts", "evaluationState");
        outcome.ShouldBe("Passed", "Redis", "Writes");
    }

    [Fact]
    public async Task Memory_that_is_full_is_found_before_a_replay_finds_it()
    {
        await using var redis = await RealRedis.StartAsync(arguments: ["--maxmemory", "400kb", "--maxmemory-policy", "noeviction"]);

        var found = (await DiagnoseAsync(redis.Url)).ShouldBe("Failed", "Redis", "Writes");

        Assert.Contains("maxmemory is 409600", found.Detail, StringComparison.Ordinal);
        await ShouldRefuseAsync(redis, "OOM");

        // Room enough for now, and not for long. Clients take some of it as well.
        await redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        await redis.ExecuteAsync("SETRANGE", "large", "32000000", "x");
        var used = (await redis.ExecuteAsync("INFO", "memory")).ToString().Split("used_memory:")[1].Split('\r')[0];
        var most = (long)(long.Parse(used, CultureInfo.InvariantCulture) * 1.06);
        await redis.ExecuteAsync("CONFIG", "SET", "maxmemory", most.ToString(CultureInfo.InvariantCulture));
        var nearly = (await DiagnoseAsync(redis.Url)).ShouldBe("Warning", "Redis", "Writes");
        Assert.Contains("about to", nearly.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replicas_that_are_missed_keep_a_Redis_from_writes()
    {
        await using var redis = await RealRedis.StartAsync(arguments: ["--min-replicas-to-write", "2"]);

        var found = (await DiagnoseAsync(redis.Url)).ShouldBe("Failed", "Redis", "Writes");

        Assert.Contains("0 of its replicas are up and not behind, and min-replicas-to-write is 2", found.Detail, StringComparison.Ordinal);
        await ShouldRefuseAsync(redis, "NOREPLICAS");
    }

    [Fact]
    public async Task A_snapshot_that_failed_keeps_a_Redis_from_writes()
    {
        await using var redis = await RealRedis.StartAsync();
        var folder = ((RedisResult[])(await redis.ExecuteAsync("CONFIG", "GET", "dir"))!)[1].ToString();
        await redis.ExecuteAsync("CONFIG", "SET", "save", "3600 1");
        Directory.Delete(folder, recursive: true);
        try
        {
            await redis.ExecuteAsync("BGSAVE");
            var started = TimeProvider.System.GetTimestamp();
            while (!(await redis.ExecuteAsync("INFO", "persistence")).ToString().Contains("status:err", StringComparison.Ordinal))
            {
                Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMinutes(1), "The snapshot should have failed.");
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }

            var found = (await DiagnoseAsync(redis.Url)).ShouldBe("Failed", "Redis", "Writes");
            Assert.Contains("stop-writes-on-bgsave-error is yes", found.Detail, StringComparison.Ordinal);
            await ShouldRefuseAsync(redis, "MISCONF");

            // Nothing is wrong where nobody waits for it.
            await redis.ExecuteAsync("CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
            (await DiagnoseAsync(redis.Url)).ShouldBe("Passed", "Redis", "Writes");
            await redis.Database.StringSetAsync("k", "v");
        }
        finally
        {
            Directory.CreateDirectory(folder);
        }
    }

    [Theory]
    [InlineData("allkeys-lru")]
    [InlineData("volatile-ttl")]
    public async Task Eviction_of_markers_is_warned_of(string policy)
    {
        await using var redis = await RealRedis.StartAsync(arguments: ["--maxmemory-policy", policy]);

        Assert.Contains(policy, (await DiagnoseAsync(redis.Url)).ShouldBe("Warning", "Redis", "Eviction").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_takes_no_markers()
    {
        await using var primary = await RealRedis.StartAsync();
        await using var replica = await RealRedis.StartAsync(
            arguments: ["--replicaof", "127.0.0.1", primary.Port.ToString(CultureInfo.InvariantCulture)]);

        (await DiagnoseAsync(replica.Url)).ShouldBe("Failed", "Redis", "Role");
    }

    [Fact]
    public async Task A_user_is_told_what_it_may_not_do_and_needs_no_more_than_the_advice_says()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("ACL", "SETUSER", "reader", "on", ">secret1", "~*", "&*", "+@all", "-@write");
        await redis.ExecuteAsync("ACL", "SETUSER", "elsewhere", "on", ">secret1", "~other:*", "&*", "+@all");
        await redis.ExecuteAsync("ACL", "SETUSER", "replayer", "on", ">secret1", "~projection-replay:*", "~{*}:gq:group:*", "&*", "+@all");

        var reader = (await DiagnoseAsync(redis, "reader")).ShouldBe("Failed", "Redis", "Permission", "evaluationState");
        Assert.Contains("HDEL, HMSET, HSET", reader.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("GET", reader.Detail, StringComparison.Ordinal);
        Assert.Contains(
            "HSCAN",
            (await DiagnoseAsync(redis, "elsewhere")).ShouldBe("Failed", "Redis", "Permission", "evaluationState").Detail,
            StringComparison.Ordinal);
        (await DiagnoseAsync(redis, "replayer")).ShouldBe("Passed", "Redis", "Permission", "evaluationState");
    }

    [Fact]
    public async Task Commands_that_pass_are_all_that_a_replay_sends()
    {
        await using var redis = await RealRedis.StartAsync();

        // Besides those by which a client introduces itself.
        string[] client = ["auth", "hello", "client", "ping", "echo", "info", "select", "config|get", "cluster", "subscribe"];
        await redis.ExecuteAsync(
            "ACL",
            [
                "SETUSER", "frugal", "on", ">secret1", "~*", "&*", "-@all",
                .. client.Concat(RedisPermissionChecks.Commands).Select(command => "+" + command),
            ]);
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();

        var connections = With(Url(redis, "frugal"));

        var interrupted = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            AggregateBatchSize = 2,
            Probe = (boundary, _) => boundary == new ReplayBoundary(2, ReplayPhase.Store, IsBefore: true)
                ? throw new InvalidOperationException("The test fails the run here.")
                : ValueTask.CompletedTask,
        }, connections: connections);
        interrupted.ShouldFailWith(ReplayError.ReplayFailed);
        Assert.Equal(
            3,
            (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, previousRun: PreviousRunAction.Resume, connections: connections))
                .ShouldSucceed().Last.AggregatesReplayed);
        (await ReplayOutcome.RunAsync(servers, TenantDailyBillableEventsProjection.ForTenants(), tenant, connections: connections))
            .ShouldSucceed();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_replay_works_without_scripts_and_they_are_missed(bool isRenamed)
    {
        await using var redis = await RealRedis.StartAsync(arguments: isRenamed ? ["--rename-command", "EVAL", ""] : []);
        object[] less = isRenamed ? [] : ["-eval"];
        await redis.ExecuteAsync("ACL", ["SETUSER", "plain", "on", ">secret1", "~*", "&*", "+@all", .. less]);

        var outcome = await DiagnoseAsync(redis, "plain");

        outcome.ShouldBe("Passed", "Redis", "Permission", "evaluationState");
        outcome.ShouldBe("Warning", "Redis", "Scripts", "evaluationState");
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: With(Url(redis, "plain")))).ShouldSucceed();
    }

    [Fact]
    public async Task The_commands_are_those_that_a_replay_sends()
    {
        await using var redis = await RealRedis.StartAsync();
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await redis.ExecuteAsync("CONFIG", "RESETSTAT");

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: With(redis.Url))).ShouldSucceed();

        var sent = (await redis.ExecuteAsync("INFO", "commandstats")).ToString().Split('\n')
            .Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal))
            .Select(line => line["cmdstat_".Length..].Split(':', '|')[0].ToUpperInvariant())
            .ToHashSet(StringComparer.Ordinal);
        string[] needed = ["EVAL", "HSET", "HDEL", "SADD", "EXPIRE", "GET", "SET"];
        Assert.Superset(needed.ToHashSet(StringComparer.Ordinal), sent);
        Assert.Superset(needed.ToHashSet(StringComparer.Ordinal), RedisPermissionChecks.Commands.ToHashSet(StringComparer.Ordinal));
        string[] client = ["AUTH", "HELLO", "CLIENT", "CONFIG", "PING", "ECHO", "INFO", "SELECT", "CLUSTER", "SUBSCRIBE"];
        Assert.Empty(sent.Except(client.Concat(RedisPermissionChecks.Commands)));
    }

    [Fact]
    public async Task What_may_not_be_asked_is_not_checked()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync(
            "ACL", "SETUSER", "humble", "on", ">secret1", "~*", "&*", "+@all", "-acl", "-info", "-config", "-role", "-time");

        var outcome = await DiagnoseAsync(redis, "humble");

        outcome.ShouldBe("Passed", "Redis", "Connection");
        outcome.ShouldBe("NotChecked", "Redis", "Permission");
        outcome.ShouldBe("NotChecked", "Redis", "Eviction");
        outcome.ShouldBe("NotChecked", "Redis", "Writes");
        outcome.ShouldBe("NotChecked", "Redis", "Role");
        outcome.ShouldBe("NotChecked", "Redis", "Clock");
        Assert.DoesNotContain("secret1", string.Concat(outcome.Checks), StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Checks, check => check.Result is "Failed" or "Warning");
    }

    [Fact]
    public async Task Nothing_is_written_to_Redis()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("CONFIG", "RESETSTAT");

        await DiagnoseAsync(redis.Url);

        var commands = (await redis.ExecuteAsync("INFO", "commandstats")).ToString();
        foreach (var write in (string[])["hset", "hdel", "set", "sadd", "srem", "del", "expire", "pexpire", "multi", "keys"])
        {
            Assert.DoesNotContain($"cmdstat_{write}:", commands, StringComparison.Ordinal);
        }

        Assert.Equal(0, (long)await redis.ExecuteAsync("DBSIZE"));
    }

    /// <summary>The check is true: it takes no writes.</summary>
    private static async Task ShouldRefuseAsync(RealRedis redis, string error)
    {
        var refused = await Assert.ThrowsAsync<RedisServerException>(() => redis.Database.StringSetAsync("k", "v"));
        Assert.StartsWith(error, refused.Message, StringComparison.Ordinal);
    }

    private static string Url(RealRedis redis, string user) =>
        redis.Url.Replace("redis://", $"redis://{user}:secret1@", StringComparison.Ordinal);

    private Task<DiagnosisOutcome> DiagnoseAsync(RealRedis redis, string user) => DiagnoseAsync(Url(redis, user));

    private Task<DiagnosisOutcome> DiagnoseAsync(string url) => DiagnosisOutcome.RunAsync(With(url), "t1", Evaluations).ContinueWith(
        task => new DiagnosisOutcome([.. task.Result.Checks.Where(check => check.Server == "Redis")]), TaskScheduler.Default);

    private ReplayConnections With(string url) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = servers.ClickHouseUrl,
        RedisUrl = url,
        DatabaseUrl = servers.DatabaseUrl,
    };
}

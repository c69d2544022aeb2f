using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Markers;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>What there is in Redis is told as it is, tenant by tenant, and left as it is.</summary>
public sealed class MarkerInspectionTests(TestServers servers) : IClassFixture<TestServers>, IAsyncDisposable
{
    private readonly string _projection = $"p{Guid.NewGuid():N}";

    public static TheoryData<string> Kinds => HostileNames.Kinds;

    private string CutoffKey => $"projection-replay:cutoff:{_projection}";

    private string CompletedKey => $"projection-replay:completed:{_projection}";

    [Theory]
    [InlineData("t1:trace:abc", "t1")]
    [InlineData("t1:evaluation:a:b::c", "t1")]
    [InlineData("a:trace:trace:b", "a:trace")]
    [InlineData("a:b:evaluation:c", "a:b")]
    [InlineData("t1:order:o1", "t1")]
    [InlineData(":trace:x", "")]
    [InlineData("no colon", "")]
    public async Task A_marker_is_told_of_the_tenant_that_it_says(string key, string tenantId)
    {
        await servers.Redis.HashSetAsync(CutoffKey, key, "pending");

        var summary = Assert.Single(await SummariseAsync());

        Assert.Equal((tenantId, 1L), (summary.TenantId, summary.Pending));
    }

    [Fact]
    public void A_key_is_found_again_by_the_tenant_that_is_read_from_it()
    {
        string[] parts = ["a", "b", "trace", "evaluation", "experiment_run", "order", "", "é:"];
        var random = new Random(20260110);
        for (var i = 0; i < 20_000; i++)
        {
            var key = string.Join(':', Enumerable.Range(0, random.Next(2, 8)).Select(_ => parts[random.Next(parts.Length)]));
            var tenantId = key[..AggregateTenant.Length(key)];

            Assert.True(
                new AggregateFilter(tenantId, []).Matches(key), $"'{key}' is told of tenant '{tenantId}', who should be able to clear it.");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_of_any_kind_are_counted_and_left_alone(string kind)
    {
        var tenant = $"{Guid.NewGuid():N}{HostileNames.All[kind]}";
        var neighbour = tenant + "2";
        await servers.Redis.HashSetAsync(
            CutoffKey,
            [
                new($"{tenant}:evaluation:e1", "pending"),
                new($"{tenant}:evaluation:e2", $"1768003200000:{tenant}:e2:evaluation:x"),
                new($"{tenant}:evaluation:e3", "1768003200000"),
                new($"{neighbour}:evaluation:e1", "pending"),
            ]);
        await servers.Redis.SetAddAsync(
            CompletedKey, [$"{tenant}:evaluation:e4", $"{neighbour}:evaluation:e5", $"{neighbour}:evaluation:e6"]);
        var before = await SnapshotAsync();

        var all = await SummariseAsync();
        var one = Assert.Single(await SummariseAsync(tenant));
        var markers = (await ListAsync(tenant)).ToDictionary(marker => marker.Aggregate);

        Assert.Equal(
            [(tenant, 1L, 2L, 1L), (neighbour, 1L, 0L, 2L)],
            all.Select(summary => (summary.TenantId, summary.Pending, summary.Cutoff, summary.Completed)));
        Assert.Equal((1L, 2L, 1L), (one.Pending, one.Cutoff, one.Completed));
        Assert.Equal(["evaluation:e1", "evaluation:e2", "evaluation:e3"], markers.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            ("pending", null, null),
            (markers["evaluation:e1"].State, markers["evaluation:e1"].CutoffEventId, markers["evaluation:e1"].CutoffTimestamp));
        Assert.Equal(("cutoff", TestTenant.Start.UtcDateTime), (markers["evaluation:e2"].State, markers["evaluation:e2"].CutoffTimestamp));
        Assert.Equal($"1768003200000:{tenant}:e2:evaluation:x", markers["evaluation:e2"].CutoffEventId);
        Assert.Null(markers["evaluation:e3"].CutoffTimestamp);
        Assert.Equal(before, await SnapshotAsync());
    }

    [Fact]
    public async Task The_age_is_what_the_markers_have_used_up_of_their_lifetime()
    {
        await servers.Redis.HashSetAsync(CutoffKey, "t1:evaluation:e1", "pending");
        Assert.Null(Assert.Single(await SummariseAsync()).OldestAge);

        await servers.Redis.KeyExpireAsync(CutoffKey, TimeSpan.FromDays(5));
        var summary = Assert.Single(await SummariseAsync());
        Assert.InRange(summary.OldestAge!.Value, TimeSpan.FromDays(2), TimeSpan.FromDays(2) + TimeSpan.FromMinutes(1));
        Assert.InRange(
            summary.LastActivity!.Value,
            DateTime.UtcNow - TimeSpan.FromDays(2) - TimeSpan.FromMinutes(2),
            DateTime.UtcNow - TimeSpan.FromDays(2) + TimeSpan.FromSeconds(5));
        Assert.Equal(DateTimeKind.Utc, summary.LastActivity.Value.Kind);

        // A lifetime that was not given here says nothing.
        await servers.Redis.KeyExpireAsync(CutoffKey, TimeSpan.FromDays(30));
        Assert.Null(Assert.Single(await SummariseAsync()).OldestAge);
    }

    [Fact]
    public async Task What_is_only_completed_has_no_age()
    {
        await servers.Redis.SetAddAsync(CompletedKey, "t1:evaluation:e1");

        var summary = Assert.Single(await SummariseAsync());

        Assert.Equal(
            (0L, 0L, 1L, null, null), (summary.Pending, summary.Cutoff, summary.Completed, summary.OldestAge, summary.LastActivity));
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task All_who_are_at_work_are_named_and_the_dead_are_not()
    {
        await servers.Redis.HashSetAsync(CutoffKey, "t1:evaluation:e1", "pending");
        await HoldAsync("/10/12:t1", processId: 10, host: "far");
        await HoldAsync("/9/12:t1", processId: 9, host: "far");
        await HoldAsync(":t2", processId: 7, host: "elsewhere");
        await servers.Redis.StringSetAsync($"projection-replay:lock:{_projection}:t3", "not a holder", TimeSpan.FromMinutes(1));
        await HoldAsync(":t4", processId: int.MaxValue - 1, Environment.MachineName);

        var summaries = await SummariseAsync();

        Assert.Equal(["t1", "t2", "t3"], summaries.Select(summary => summary.TenantId));
        Assert.Equal(
            [("9/12", (int?)9, "far"), ("10/12", 10, "far")],
            summaries[0].RunAtWork.Select(run => (run.Shard, run.ProcessId, run.HostName)));
        Assert.Equal(
            "process 9 on host 'far', since 2026-01-10 00:00:00 UTC, for shard 9/12 of tenant 't1'", summaries[0].RunAtWork[0].ToString());
        Assert.Equal((7, "elsewhere", null, TestTenant.Start.UtcDateTime), Of(Assert.Single(summaries[1].RunAtWork)));
        Assert.Equal((null, null, null, null), Of(Assert.Single(summaries[2].RunAtWork)));
        Assert.Equal("a holder that cannot be told, for tenant 't3'", summaries[2].RunAtWork[0].ToString());
        Assert.Equal(["t2"], (await SummariseAsync("t2", "t4")).Select(summary => summary.TenantId));

        static (int?, string?, string?, DateTime?) Of(ReplayRunAtWork run) => (run.ProcessId, run.HostName, run.Shard, run.Since);
    }

    [Fact]
    public async Task Who_clears_all_tenants_is_at_work_on_each()
    {
        await servers.Redis.HashSetAsync(CutoffKey, [new("t1:evaluation:e1", "pending"), new("t2:evaluation:e1", "pending")]);
        await HoldAsync("", processId: 7, host: "elsewhere");

        Assert.All(await SummariseAsync(), summary => Assert.Equal("all tenants", Assert.Single(summary.RunAtWork).Scope));
    }

    [Theory]
    [InlineData("p:a:b")]
    [InlineData("p*?[a-z]")]
    [InlineData("p\nq r\"'{}")]
    [InlineData("p\u00E9\U0001F600")]
    [InlineData("p/1/4")]
    public async Task Projections_may_be_called_anything(string name)
    {
        var projection = _projection + name;
        await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", "t1:evaluation:e1", "pending");
        await servers.Redis.StringSetAsync($"projection-replay:lock:{projection}:t1", Holder(7, "elsewhere"), TimeSpan.FromMinutes(1));
        try
        {
            var summary = Assert.Single(await SummariseAsync());

            Assert.Equal((projection, "t1", 1L), (summary.Projection, summary.TenantId, summary.Pending));
            Assert.Single(summary.RunAtWork);
        }
        finally
        {
            await servers.Redis.KeyDeleteAsync([$"projection-replay:cutoff:{projection}", $"projection-replay:lock:{projection}:t1"]);
        }
    }

    [Fact]
    public async Task No_command_that_writes_or_blocks_is_sent()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.Database.HashSetAsync(
            CutoffKey,
            [.. Enumerable.Range(0, 5_000).Select(i => new HashEntry($"t1:evaluation:e{i}", i % 2 == 0 ? "pending" : "1768003200000:x"))]);
        await redis.Database.KeyExpireAsync(CutoffKey, TimeSpan.FromDays(3));
        await redis.Database.SetAddAsync(CompletedKey, "t2:trace:x");
        await redis.Database.StringSetAsync($"projection-replay:lock:{_projection}/1/2:t1", Holder(7, "elsewhere"));
        var before = await DumpAsync(redis);
        await redis.ExecuteAsync("CONFIG", "RESETSTAT");
        var connections = new Configuration.ReplayConnections(directory: null, environment: _ => null) { RedisUrl = redis.Url };

        var summaries = await SummariseAsync(connections);
        var markers = await ListAsync(connections);

        var commands = (await redis.ExecuteAsync("INFO", "commandstats")).ToString().Split('\n')
            .Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal))
            .Select(line => line["cmdstat_".Length..line.IndexOf(':', StringComparison.Ordinal)])
            .Except(
                [
                    "auth", "client|id", "client|setinfo", "client|setname", "config|get", "config|resetstat", "echo", "get", "hello",
                    "hscan", "info", "ping", "pttl", "scan", "select", "sentinel", "sscan", "subscribe", "cluster|nodes",
                    "cluster|slots", "publish", "quit",
                ]);
        Assert.Empty(commands);
        Assert.Equal(2, summaries.Count);
        Assert.Equal(5_000, markers.Count);
        Assert.Equal(before, await DumpAsync(redis));
    }

    [Fact]
    public async Task A_link_that_breaks_while_it_counts_is_no_matter_and_while_it_lists_is_told()
    {
        for (var i = 0; i < 4; i++)
        {
            await servers.Redis.HashSetAsync(
                CutoffKey, [.. Enumerable.Range(i * 2_500, 2_500).Select(n => new HashEntry($"t1:evaluation:e{n}", "pending"))]);
        }

        await using var link = new FaultyLink(servers.RedisUrl);
        var connections = new Configuration.ReplayConnections(directory: null, environment: _ => null) { RedisUrl = link.Url };
        link.LoseAnswer("HSCAN", afterBytes: 1_000);
        Assert.Equal(10_000, Assert.Single(await SummariseAsync(connections)).Pending);

        link.LoseAnswer("HSCAN", afterBytes: 1_000);
        var exception = await Assert.ThrowsAsync<ReplayException>(() => ListAsync(connections));

        Assert.Equal((2, ReplayError.RedisUnavailable), (link.Strikes, exception.Error));
        Assert.Contains("stopped half way", exception.Message, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await servers.Redis.KeyDeleteAsync(
            [
                CutoffKey, CompletedKey, $"projection-replay:lock:{_projection}",
                .. ((string[])["/9/12:t1", "/10/12:t1", ":t2", ":t3", ":t4"])
                    .Select(rest => (RedisKey)$"projection-replay:lock:{_projection}{rest}"),
            ]);
    }

    private Task<bool> HoldAsync(string rest, int processId, string host) =>
        servers.Redis.StringSetAsync($"projection-replay:lock:{_projection}{rest}", Holder(processId, host), TimeSpan.FromMinutes(1));

    private static string Holder(int processId, string host) =>
        new ReplayLockHolder("r", host, processId, TestTenant.Start.UtcDateTime, TestTenant.Start.UtcDateTime)
        {
            Processes = ProcessSpace.Current,
        }.Serialize();

    private Task<List<ReplayMarkerSummary>> SummariseAsync(params string[] tenants) => SummariseAsync(servers.Connections, tenants);

    private Task<List<ReplayMarker>> ListAsync(params string[] tenants) => ListAsync(servers.Connections, tenants);

    private Task<List<ReplayMarkerSummary>> SummariseAsync(Configuration.ReplayConnections connections, params string[] tenants) =>
        CollectAsync<ReplayMarkerSummary>(
            messages => new MarkerInspection(connections).SummariseAsync(Wanted(tenants), messages, TestContext.Current.CancellationToken));

    private Task<List<ReplayMarker>> ListAsync(Configuration.ReplayConnections connections, params string[] tenants) =>
        CollectAsync<ReplayMarker>(
            messages => new MarkerInspection(connections).ListAsync(Wanted(tenants), messages, TestContext.Current.CancellationToken));

    private List<MarkerWish> Wanted(string[] tenants) =>
        [new(name => name.StartsWith(_projection, StringComparison.Ordinal), tenants.Length == 0 ? null : tenants)];

    private static async Task<List<T>> CollectAsync<T>(Func<ReplayMessages, Task> inspect)
    {
        var messages = new ReplayMessages();
        var reading = Task.Run(async () =>
        {
            var found = new List<T>();
            await foreach (var message in messages.Reader.ReadAllAsync())
            {
                if (message is ReplayFindingMessage { Finding: T finding }) found.Add(finding);
            }

            return found;
        });
        try
        {
            await inspect(messages);
        }
        finally
        {
            messages.Complete();
        }

        return await reading;
    }

    /// <summary>All that the server holds of the projection, as text.</summary>
    private async Task<string> SnapshotAsync()
    {
        var fields = (await servers.Redis.HashGetAllAsync(CutoffKey)).Select(field => $"{field.Name} = {field.Value}");
        var members = (await servers.Redis.SetMembersAsync(CompletedKey)).Select(member => member.ToString());
        return string.Join('\n', fields.Concat(members).Order(StringComparer.Ordinal));
    }

    /// <summary>Every key with its bytes and the moment that it expires.</summary>
    private static async Task<List<string>> DumpAsync(RealRedis redis)
    {
        var keys = ((string[])(await redis.ExecuteAsync("KEYS", "*"))!).Order(StringComparer.Ordinal);
        var dump = new List<string>();
        foreach (var key in keys)
        {
            var bytes = Convert.ToHexString((await redis.Database.KeyDumpAsync(key))!);
            var expiry = await redis.ExecuteAsync("PEXPIRETIME", key);
            dump.Add($"{key} {expiry} {bytes}");
        }

        return dump;
    }
}

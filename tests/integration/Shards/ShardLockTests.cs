using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Redis;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Shards;

/// <summary>Shards of one count run side by side; whatever has an aggregate in common does not.</summary>
public sealed class ShardLockTests(TestServers servers) : IClassFixture<TestServers>, IAsyncDisposable
{
    private static readonly EvaluationStateProjection Evaluations = new();

    /// <summary>For a run that is going to be refused: it waits for one expiry.</summary>
    private static readonly ReplayOptions ShortPatience = new() { LockExpiry = TimeSpan.FromSeconds(2) };

    private readonly string _projection = $"p{Guid.NewGuid():N}";
    private RedisServer? _redis;

    [Theory]
    [InlineData("1/4", "1/4", true)]
    [InlineData("1/4", "2/4", false)]
    [InlineData("1/4", "4/4", false)]
    [InlineData("1/4", "1/2", true)]
    [InlineData("2/4", "3/8", true)]
    [InlineData("4096/4096", "1/1", true)]
    [InlineData("4096/4096", "4095/4096", false)]
    [InlineData("1/4", "tenant", true)]
    [InlineData("1/1", "tenant", true)]
    [InlineData("1/4", "all", true)]
    [InlineData("tenant", "all", true)]
    [InlineData("1/4", "other tenant", false)]
    [InlineData("1/4", "other tenant 1/4", false)]
    [InlineData("1/4", "other tenant 1/2", false)]
    public async Task Whoever_comes_second_is_refused_where_an_aggregate_is_in_common(string first, string second, bool isRefused)
    {
        foreach (var (held, wanted) in (List<(string, string)>)[(first, second), (second, first)])
        {
            await using var holder = (await TryTakeAsync(Scope(held))).Lock;
            Assert.NotNull(holder);

            var (taken, occupant) = await TryTakeAsync(Scope(wanted));
            await using (taken)
            {
                Assert.True(taken is null == isRefused, $"{wanted} beside {held}");
                if (isRefused) Assert.Equal((Scope(held), Environment.ProcessId), (occupant!.Scope, occupant.Holder!.ProcessId));
            }

            var found = await ReplayLock.FindOccupantAsync(await RedisAsync(), Scope(wanted), TestContext.Current.CancellationToken);
            Assert.Equal(isRefused, found is not null);
        }
    }

    [Theory]
    [InlineData("t1", "t1:1/4")]
    [InlineData("t1", "1/4:t1")]
    [InlineData("t1", "/1/4:t1")]
    [InlineData("t1", "t*")]
    public async Task A_tenant_whose_name_looks_like_a_shard_is_a_tenant_of_its_own(string tenant, string neighbour)
    {
        await using var shard = (await TryTakeAsync(new(_projection, tenant, new ReplayShard(1, 4)))).Lock;
        await using var whole = (await TryTakeAsync(new(_projection, neighbour))).Lock;
        await using var part = (await TryTakeAsync(new(_projection, neighbour + "2", new ReplayShard(1, 4)))).Lock;

        Assert.True(shard is not null && whole is not null && part is not null);
        var occupants = await new ReplayLockScope(_projection, TenantId: null).ListOccupantsAsync(
            await RedisAsync(), TestContext.Current.CancellationToken);
        Assert.Equivalent(
            (ReplayLockScope[])
            [
                new(_projection, tenant, new ReplayShard(1, 4)),
                new(_projection, neighbour),
                new(_projection, neighbour + "2", new ReplayShard(1, 4)),
            ],
            occupants.Select(occupant => occupant.Scope),
            strict: true);
    }

    [Fact]
    public async Task Of_those_who_come_at_once_no_two_with_an_aggregate_in_common_are_in_and_all_get_in_in_the_end() =>
        await ContendAsync(await RedisAsync());

    [Fact]
    public async Task Nor_on_a_cluster_where_locks_are_in_different_slots()
    {
        await using var cluster = await RealRedis.StartAsync(isCluster: true);
        await using var redis = await RedisServer.ConnectAsync(
            ServerSettings.Redis(new ConnectionUrl(cluster.Url, "test")).Options, TestContext.Current.CancellationToken);

        await ContendAsync(redis);
    }

    [Fact]
    public async Task What_is_left_of_a_lock_expires_by_itself()
    {
        var scope = new ReplayLockScope(_projection, "t1", new ReplayShard(3, 8));
        await using (var held = (await TryTakeAsync(scope)).Lock)
        {
            Assert.NotNull(held);
            Assert.InRange(await TimeToLiveAsync(scope.Key.ToString()), TimeSpan.FromSeconds(1), ReplayLock.DefaultExpiry);
        }

        Assert.False(await servers.Redis.KeyExistsAsync(scope.Key));
        Assert.InRange(
            await TimeToLiveAsync($"projection-replay:shards:{_projection}:t1"), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_shard_that_works_longer_than_everything_expires_is_still_found()
    {
        var scope = new ReplayLockScope(_projection, "t1", new ReplayShard(3, 8));
        var (held, _) = await ReplayLock.TakeAsync(
            await RedisAsync(), scope, TimeSpan.FromSeconds(10), TimeProvider.System, _ => { }, TestContext.Current.CancellationToken);
        await using (held)
        {
            // As if a minute had passed.
            await servers.Redis.KeyDeleteAsync($"projection-replay:shards:{_projection}:t1");
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            while (!await servers.Redis.KeyExistsAsync($"projection-replay:shards:{_projection}:t1")) await Task.Delay(20, patience.Token);

            Assert.Null((await TryTakeAsync(new(_projection, "t1"))).Lock);
            Assert.False(held!.Lost.IsCancellationRequested);
        }
    }

    [Theory]
    [InlineData("2/4", "2/4", "Another replay of shard 2/4 of projection 'evaluationState'")]
    [InlineData("2/4", null, "A replay for shard 2/4 of tenant")]
    [InlineData(null, "2/4", "A replay for tenant")]
    [InlineData("2/4", "3/8", "only shards of one count run side by side")]
    public async Task A_second_run_is_refused_and_told_who_is_in_the_way(string? first, string? second, string expected)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        ReplayOutcome? refused = null;

        var outcome = await RunAsync(tenant, first, During(async _ => refused = await RunAsync(tenant, second, ShortPatience)));

        outcome.ShouldSucceed();
        refused!.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.Contains(expected, refused!.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains(
            $"process {Environment.ProcessId} on host '{Environment.MachineName}', since 2",
            refused.Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("Waiting up to 2 s", Assert.Single(refused.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_shard_of_the_same_count_is_not_held_up()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        ReplayOutcome? second = null;

        var first = await RunAsync(tenant, "1/2", During(async _ => second = await RunAsync(tenant, "2/2", new())));

        Assert.Empty(second!.ShouldSucceed().Warnings);
        Assert.Equal(20, first.ShouldSucceed().Last.AggregatesReplayed + second!.Last.AggregatesReplayed);
    }

    [Fact]
    public async Task The_lock_of_a_shard_that_died_elsewhere_is_waited_for_by_a_run_of_the_whole_tenant()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var scope = new ReplayLockScope("evaluationState", tenant.Id, new ReplayShard(1, 2));
        await scope.AnnounceAsync(await RedisAsync());
        await servers.Redis.StringSetAsync(
            scope.Key,
            new ReplayLockHolder("run", "another-host", 1, DateTime.UtcNow, DateTime.UtcNow).Serialize(),
            TimeSpan.FromSeconds(8));

        var outcome = await RunAsync(tenant, shard: null, new ReplayOptions { LockExpiry = TimeSpan.FromMinutes(1) });

        var warning = Assert.Single(outcome.ShouldSucceed().Warnings);
        Assert.Contains("another-host", warning, StringComparison.Ordinal);
        Assert.Contains("shard 1/2", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shard_that_lost_its_lock_to_a_run_of_the_whole_tenant_leaves_the_markers_to_it()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(8).AppendAsync();

        var outcome = await RunAsync(tenant, "1/2", During(async token =>
        {
            await servers.Redis.KeyDeleteAsync($"projection-replay:lock:evaluationState/1/2:{tenant.Id}");
            await servers.Redis.StringSetAsync($"projection-replay:lock:evaluationState:{tenant.Id}", "taker", TimeSpan.FromMinutes(1));
            await Task.Delay(TimeSpan.FromSeconds(30), token);
        }));

        outcome.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.NotEmpty(await tenant.MarkersAsync("evaluationState"));
        Assert.False(await servers.Redis.KeyExistsAsync($"projection-replay:lock:evaluationState/1/2:{tenant.Id}"));
        await servers.Redis.KeyDeleteAsync($"projection-replay:lock:evaluationState:{tenant.Id}");
        (await RunAsync(tenant, "1/2", new(), PreviousRunAction.Resume)).ShouldSucceed();
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null) await _redis.DisposeAsync();
    }

    /// <summary>Ten want a lock at the same moment, and wait for it. Whoever has one looks who else has, and lets go of it.</summary>
    private async Task ContendAsync(RedisServer redis)
    {
        var (inside, gate) = (new List<ReplayLockScope>(), new Lock());
        for (var round = 0; round < 2; round++)
        {
            string[] wanted = ["tenant", "tenant", "all", "1/2", "2/2", "1/4", "2/4", "3/4", "1/4", "1/1"];
            await Task.WhenAll(wanted.Select(Scope).Select(async scope =>
            {
                var (held, occupant) = await ReplayLock.TakeAsync(
                    redis, scope, TimeSpan.FromSeconds(30), TimeProvider.System, _ => { }, TestContext.Current.CancellationToken);
                await using (held)
                {
                    Assert.True(held is not null, $"{scope} waited 30 s in vain, for {occupant?.Scope} in the end.");
                    lock (gate)
                    {
                        Assert.DoesNotContain(inside, other => Overlap(scope, other));
                        inside.Add(scope);
                    }

                    await Task.Delay(50, TestContext.Current.CancellationToken);
                    lock (gate) inside.Remove(scope);
                }
            }));
        }
    }

    private static bool Overlap(ReplayLockScope left, ReplayLockScope right) =>
        left.TenantId is null
        || right.TenantId is null
        || left.Shard is null
        || right.Shard is null
        || left.Shard.Count != right.Shard.Count
        || left.Shard == right.Shard;

    private ReplayLockScope Scope(string text) => text.Split(' ') switch
    {
        ["all"] => new(_projection, TenantId: null),
        ["tenant"] => new(_projection, "t1"),
        ["other", "tenant"] => new(_projection, "t2"),
        ["other", "tenant", var shard] => new(_projection, "t2", ReplayShard.Parse(shard)),
        _ => new(_projection, "t1", ReplayShard.Parse(text)),
    };

    private async Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TryTakeAsync(ReplayLockScope scope) =>
        await ReplayLock.TryTakeAsync(await RedisAsync(), scope, TimeProvider.System, TestContext.Current.CancellationToken);

    private async Task<TimeSpan> TimeToLiveAsync(string key) => await servers.Redis.KeyTimeToLiveAsync(key) ?? TimeSpan.Zero;

    private Task<ReplayOutcome> RunAsync(
        TestTenant tenant, string? shard, ReplayOptions options, PreviousRunAction previousRun = PreviousRunAction.Refuse) =>
        ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, options, previousRun, shard: shard is null ? null : ReplayShard.Parse(shard));

    /// <summary>Does something while the first batch is marked and its events are about to be read.</summary>
    private static ReplayOptions During(Func<CancellationToken, Task> work) => new()
    {
        Probe = async (boundary, token) =>
        {
            if (boundary == new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true)) await work(token);
        },
    };

    private async Task<RedisServer> RedisAsync() => _redis ??= await RedisServer.ConnectAsync(
        ServerSettings.Redis(new ConnectionUrl(servers.RedisUrl, "test")).Options, TestContext.Current.CancellationToken);
}

using ProjectionReplay.Configuration;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Redis;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Coordination;

/// <summary>What is completed is forgotten at one stroke only when nobody else's would go with it.</summary>
public sealed class ReplayMarkersTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Theory]
    [InlineData(3, 3, true)]
    [InlineData(3, 2, false)]
    [InlineData(3, 4, false)]
    [InlineData(0, 0, true)]
    public async Task All_that_is_completed_is_forgotten_if_it_is_so_many(int completed, int count, bool isForgotten)
    {
        var projection = $"markers{Guid.NewGuid():N}";
        var key = $"projection-replay:completed:{projection}";
        for (var i = 0; i < completed; i++) await servers.Redis.SetAddAsync(key, $"tenant:evaluation:e{i}");
        await using var redis = await RedisServer.ConnectAsync(
            ServerSettings.Redis(new ConnectionUrl(servers.RedisUrl, "test")).Options, TestContext.Current.CancellationToken);

        Assert.Equal(
            isForgotten,
            await new ReplayMarkers(redis, projection).TryForgetAllCompletedAsync(count, TestContext.Current.CancellationToken));

        Assert.Equal(isForgotten ? 0 : completed, await servers.Redis.SetLengthAsync(key));
        await servers.Redis.KeyDeleteAsync(key);
    }

    [Fact]
    public async Task What_another_tenant_has_completed_is_remembered()
    {
        var (tenant, other) = (await new TestTenant(servers).AddEvaluations(3).AppendAsync(), new TestTenant(servers));
        var theirs = other.AggregateKey("e0000");
        await servers.Redis.SetAddAsync($"projection-replay:completed:{Evaluations.Definition.Name}", theirs);

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Empty(await tenant.CompletedAsync(Evaluations.Definition.Name));
        Assert.Equal([theirs], await other.CompletedAsync(Evaluations.Definition.Name));
        await servers.Redis.SetRemoveAsync($"projection-replay:completed:{Evaluations.Definition.Name}", theirs);
    }
}

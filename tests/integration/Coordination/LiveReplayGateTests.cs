using System.Text;
using CsCheck;
using ProjectionReplay.Events;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>What live handlers are told, marker by marker.</summary>
public sealed class LiveReplayGateTests(TestServers servers) : IClassFixture<TestServers>
{
    [Theory]
    [InlineData(null, "2", LiveReplayDecision.Process)]
    [InlineData("pending", "2", LiveReplayDecision.Defer)]
    [InlineData("2", "1", LiveReplayDecision.Skip)]
    [InlineData("2", "2", LiveReplayDecision.Skip)]
    [InlineData("2", "20", LiveReplayDecision.Defer)]
    [InlineData("2", "3", LiveReplayDecision.Defer)]
    [InlineData("B", "a", LiveReplayDecision.Defer)]
    [InlineData("a", "B", LiveReplayDecision.Skip)]
    [InlineData("a", "\u00E4", LiveReplayDecision.Defer)]
    // By UTF-16 these two would stand the other way round.
    [InlineData("\uFF5E", "\U0001F600", LiveReplayDecision.Defer)]
    [InlineData("\U0001F600", "\uFF5E", LiveReplayDecision.Skip)]
    public async Task The_marker_decides(string? marker, string eventId, LiveReplayDecision decision)
    {
        var projection = $"gate{Guid.NewGuid():N}";
        var aggregate = new AggregateKey("tenant", "evaluation", "e:1");
        if (marker is not null) await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", "tenant:evaluation:e:1", marker);

        Assert.Equal(decision, await new LiveReplayGate(servers.Redis, projection).DecideAsync(aggregate, eventId));

        await servers.Redis.KeyDeleteAsync($"projection-replay:cutoff:{projection}");
    }

    [Fact]
    public void Ids_compare_as_their_bytes_do() => Gen.Select(Gen.String, Gen.String).Sample((cutoff, eventId) =>
    {
        if (cutoff is "pending" or "") return;
        var order = Encoding.UTF8.GetBytes(eventId).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(cutoff));
        var decision = LiveReplayGate.Decide((RedisValue)Encoding.UTF8.GetBytes(cutoff), eventId);
        Assert.Equal(order <= 0 ? LiveReplayDecision.Skip : LiveReplayDecision.Defer, decision);
    });

    [Fact]
    public async Task Other_aggregates_and_projections_are_not_held_back()
    {
        var projection = $"gate{Guid.NewGuid():N}";
        await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", "tenant:evaluation:e1", "pending");

        Assert.Equal(
            LiveReplayDecision.Process,
            await new LiveReplayGate(servers.Redis, projection).DecideAsync(new("tenant", "evaluation", "e2"), "1"));
        Assert.Equal(
            LiveReplayDecision.Process,
            await new LiveReplayGate(servers.Redis, projection + "2").DecideAsync(new("tenant", "evaluation", "e1"), "1"));

        await servers.Redis.KeyDeleteAsync($"projection-replay:cutoff:{projection}");
    }
}

using ProjectionReplay.Cmdlets;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Projections that are no longer in any catalog may be called anything: clearing one of them clears that one.</summary>
public sealed class WildcardNameTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly PowerShellSession _session = new();

    [Theory]
    [InlineData("a*b")]
    [InlineData("a?b")]
    [InlineData("a[c-e]b")]
    [InlineData("a[^x]b")]
    [InlineData("a{x,y}b")]
    [InlineData("a`b")]
    [InlineData(@"a\*b")]
    [InlineData("a:b '\"\n\U0001F600")]
    public async Task Clearing_a_name_with_wildcards_in_it_leaves_those_that_it_would_match(string name)
    {
        var prefix = Guid.NewGuid().ToString("N");
        string[] others = [$"{prefix}adb", $"{prefix}axb", $"{prefix}a*bb", $"{prefix}a"];
        foreach (var projection in others.Append(prefix + name))
        {
            await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", "t:evaluation:e1", "pending");
            await servers.Redis.SetAddAsync($"projection-replay:completed:{projection}", "t:evaluation:e2");
        }

        var outcome = _session.Run(
            "Clear-ReplayMarker ([WildcardPattern]::Escape($name)) -RedisUrl $url -Confirm:$false",
            ("name", prefix + name),
            ("url", servers.RedisUrl)).ShouldSucceed();

        Assert.Equal(prefix + name, Assert.Single(outcome.Values("Projection")));
        Assert.Equal((1L, 1L), (Assert.Single(outcome.Values("MarkersRemoved")), Assert.Single(outcome.Values("CompletedRemoved"))));
        foreach (var other in others)
        {
            Assert.True(
                await servers.Redis.KeyDeleteAsync($"projection-replay:cutoff:{other}"),
                $"The markers of '{other}' should still be there.");
            Assert.True(
                await servers.Redis.KeyDeleteAsync($"projection-replay:completed:{other}"),
                $"The completed set of '{other}' should still be there.");
        }
    }

    public void Dispose() => _session.Dispose();
}

using ProjectionReplay.Faults;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Cmdlets;

/// <summary>Get-ReplayMarker.</summary>
public sealed class GetReplayMarkerTests(TestServers servers) : IClassFixture<TestServers>, IAsyncDisposable
{
    private readonly string _projection = $"p{Guid.NewGuid():N}";
    private readonly PowerShellSession _session = new();

    private string CutoffKey => $"projection-replay:cutoff:{_projection}";

    [Fact]
    public async Task Shows_what_there_is_by_projection_and_tenant()
    {
        await LeaveAsync("t2:trace:x", "t1:evaluation:e1", "t1:evaluation:e2");

        var outcome = Run("Get-ReplayMarker $projection -RedisUrl $url").ShouldSucceed();

        Assert.Equal([_projection, _projection], outcome.Values("Projection"));
        Assert.Equal(["t1", "t2"], outcome.Values("TenantId"));
        Assert.Equal([2L, 1L], outcome.Values("Pending"));
        Assert.Equal(
            ["Projection", "TenantId", "Pending", "Cutoff", "Completed", "OldestAge", "LastActivity", "RunAtWork"],
            outcome.Output[0].Properties.Select(property => property.Name));
    }

    [Theory]
    [InlineData("$projection t1", "t1")]
    [InlineData("$projection t1, t2", "t1 t2")]
    [InlineData("$projection nobody", "")]
    [InlineData("nothing-like-it", "")]
    [InlineData("\"$($projection.ToUpperInvariant().Substring(0, 20))*\" -TenantId t2", "t2")]
    public async Task Chooses_projections_by_wildcard_and_tenants_by_name(string arguments, string tenants)
    {
        await LeaveAsync("t1:evaluation:e1", "t2:evaluation:e1");

        Assert.Equal(tenants, string.Join(' ', Run($"Get-ReplayMarker {arguments} -RedisUrl $url").ShouldSucceed().Values("TenantId")));
    }

    [Fact]
    public async Task Takes_projection_and_tenant_by_the_pipeline_and_tells_of_each_once()
    {
        await LeaveAsync("t1:evaluation:e1", "t2:evaluation:e1", "t3:evaluation:e1");

        var outcome = Run("""
            $one = [pscustomobject] @{ Name = $projection; TenantId = 't1' }
            $two = [pscustomobject] @{ Projection = $projection; TenantId = 't2' }
            $one, $two, $one | Get-ReplayMarker -RedisUrl $url
            """).ShouldSucceed();

        Assert.Equal(["t1", "t2"], outcome.Values("TenantId"));
        Assert.Equal(
            ["t1", "t2", "t3"], Run("$projection, $projection | Get-ReplayMarker -RedisUrl $url").ShouldSucceed().Values("TenantId"));
        Assert.Empty(Run("@() | Get-ReplayMarker -RedisUrl $url").ShouldSucceed().Output);
    }

    [Fact]
    public async Task What_is_pending_can_be_cleared_by_the_pipeline()
    {
        await LeaveAsync("t1:evaluation:e1", "t1:evaluation:e2", "a:trace:trace:b");
        await servers.Redis.HashSetAsync(CutoffKey, "t2:evaluation:e1", "1768003200000:x");

        var outcome = Run(
            "Get-ReplayMarker $projection -RedisUrl $url | Where-Object Pending -gt 0 "
                + "| Clear-ReplayMarker -RedisUrl $url -Confirm:$false")
            .ShouldSucceed();

        Assert.Equal([1L, 2L], outcome.Values("MarkersRemoved"));
        Assert.Equal(["a:trace", "t1"], outcome.Values("TenantId"));
        Assert.Equal(["t2:evaluation:e1"], (await servers.Redis.HashKeysAsync(CutoffKey)).Select(field => field.ToString()));
    }

    [Fact]
    public async Task A_marker_that_names_no_tenant_is_shown_and_never_cleared_with_all_others()
    {
        await LeaveAsync("no colon", "t1:evaluation:e1");

        var shown = Run("Get-ReplayMarker $projection -RedisUrl $url").ShouldSucceed();
        Assert.Equal(["", "t1"], shown.Values("TenantId"));

        var cleared = Run(
            "Get-ReplayMarker $projection -RedisUrl $url | Where-Object TenantId -eq '' "
                + "| Clear-ReplayMarker -RedisUrl $url -Confirm:$false");
        Assert.NotEmpty(cleared.Errors);
        Assert.Equal(2, await servers.Redis.HashLengthAsync(CutoffKey));
    }

    [Fact]
    public async Task Detailed_shows_each_marker()
    {
        await LeaveAsync("t1:evaluation:e1");
        await servers.Redis.HashSetAsync(CutoffKey, "t1:trace:a:b", "1768003200000:t1:a:b:trace:x");

        var outcome = Run(
            "Get-ReplayMarker $projection -RedisUrl $url -Detailed "
                + "| ForEach-Object { \"$($_.State) $($_.Aggregate) $($_.CutoffTimestamp) $($_.CutoffEventId)\" }")
            .ShouldSucceed();

        Assert.Equal(
            ["cutoff trace:a:b 01/10/2026 00:00:00 1768003200000:t1:a:b:trace:x", "pending evaluation:e1  "],
            outcome.Output.Select(line => (string)line.BaseObject).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_big_hash_is_streamed()
    {
        const int Count = 200_000;
        for (var i = 0; i < Count; i += 20_000)
        {
            await servers.Redis.HashSetAsync(
                CutoffKey, [.. Enumerable.Range(i, 20_000).Select(n => new HashEntry($"t1:evaluation:e{n}", "pending"))]);
        }

        // The first comes long before the last.
        var started = TimeProvider.System.GetTimestamp();
        var first = TimeSpan.Zero;
        await _session.RunAndStopAsync(
            "Get-ReplayMarker $projection -RedisUrl $url -Detailed",
            output =>
            {
                first = TimeProvider.System.GetElapsedTime(started);
                return output.Count > 0;
            },
            ("projection", _projection),
            ("url", servers.RedisUrl));
        started = TimeProvider.System.GetTimestamp();
        var outcome = Run("Get-ReplayMarker $projection -RedisUrl $url -Detailed | ForEach-Object { $n = 0 } { $n++ } { $n }")
            .ShouldSucceed();
        var all = TimeProvider.System.GetElapsedTime(started);

        Assert.Equal(Count, Assert.Single(outcome.Output).BaseObject);
        Assert.True(
            first < all / 2,
            $"The first marker should come before the last: it took {first.TotalSeconds:0.00} s, all {all.TotalSeconds:0.00} s.");
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Detailed")]
    public async Task Stops_within_two_seconds_while_Redis_is_silent(string switches)
    {
        await LeaveAsync("t1:evaluation:e1");
        await using var link = new FaultyLink(servers.RedisUrl);
        var silence = new System.Diagnostics.Stopwatch();
        var before = 0;

        var (_, stopping) = await _session.RunAndStopAsync(
            $"while ($true) {{ Get-ReplayMarker $projection -RedisUrl $link {switches} }}",
            output =>
            {
                // Stopped when it has been waiting for an answer for a while.
                if (output.Count == before) return silence.Elapsed > TimeSpan.FromMilliseconds(300);
                link.Stall();
                before = output.Count;
                silence.Restart();
                return false;
            },
            ("projection", _projection),
            ("link", link.Url));

        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), stopping);
        link.Restore();
    }

    [Fact]
    public void A_server_out_of_reach_is_an_error_without_the_password()
    {
        var message = Run("Get-ReplayMarker -RedisUrl redis://:hunter2-x@127.0.0.1:1").ShouldFailWith("RedisUnavailable");

        Assert.Contains("REDIS_URL", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_url_names_what_would_give_one()
    {
        var lines = await ChildShell.RunAsync("Get-ReplayMarker");

        Assert.StartsWith("ERROR ConnectionUrlMissing", Assert.Single(lines), StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        _session.Dispose();
        await servers.Redis.KeyDeleteAsync(CutoffKey);
    }

    private ShellOutcome Run(string script) => _session.Run(script, ("projection", _projection), ("url", servers.RedisUrl));

    private Task LeaveAsync(params string[] keys) =>
        servers.Redis.HashSetAsync(CutoffKey, [.. keys.Select(key => new HashEntry(key, "pending"))]);
}

using System.Management.Automation;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>Two runspaces of one process at once, as with ForEach-Object -Parallel and Start-ThreadJob.</summary>
public sealed class ParallelUseTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Projection = "evaluationState";

    private const string Replay = """
        Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -LogDirectory $logs @urls 3>&1 | ForEach-Object {
            if ($_ -is [System.Management.Automation.WarningRecord]) { $warned.Set() }
            $_
        }
        """;

    private readonly PowerShellSession _first = new();
    private readonly PowerShellSession _second = new();
    private readonly ManualResetEventSlim _warned = new();

    [Fact]
    public async Task Different_tenants_are_replayed_at_once()
    {
        var tenants = new[]
        {
            await new TestTenant(servers).AddEvaluations(3).AppendAsync(),
            await new TestTenant(servers).AddEvaluations(3).AppendAsync(),
        };
        foreach (var tenant in tenants) await HoldUpAsync(tenant);

        var (first, second) = (Start(_first, tenants[0]), Start(_second, tenants[1]));

        // Both are in the midst of it.
        foreach (var tenant in tenants) await WaitUntilMarkedAsync(tenant);
        foreach (var tenant in tenants) await LetGoAsync(tenant);
        foreach (var (running, tenant) in new[] { first, second }.Zip(tenants))
        {
            var outcome = (await running).ShouldSucceed();
            Assert.All(outcome.Values("TenantId"), id => Assert.Equal(tenant.Id, id));
            Assert.Equal(3, outcome.Output[^1].Properties["AggregatesReplayed"].Value);
            Assert.Equal(3, (await tenant.EvaluationsAsync()).Count);
            Assert.Empty(await tenant.MarkersAsync(Projection));
        }

        // One directory for both, and yet a log for each.
        Assert.Equal(2, _first.Location.GetFiles("projection-replay-evaluationState-*.jsonl").Length);
    }

    [Fact]
    public async Task The_same_tenant_is_waited_for_and_replayed_when_the_other_run_is_done()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await HoldUpAsync(tenant);
        var first = Start(_first, tenant);
        await WaitUntilMarkedAsync(tenant);

        var second = Start(_second, tenant, " -Restart");
        Assert.True(
            _warned.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken),
            "The second run should have said that it waits.");
        await LetGoAsync(tenant);

        Assert.Equal(3, (await first).ShouldSucceed().Output[^1].Properties["AggregatesReplayed"].Value);
        var outcome = (await second).ShouldSucceed();
        Assert.Contains($"process {Environment.ProcessId}", $"{outcome.Output[0]}", StringComparison.Ordinal);
        Assert.Equal(3, outcome.Output[^1].Properties["AggregatesReplayed"].Value);
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task The_same_tenant_is_refused_when_the_other_run_takes_long()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await HoldUpAsync(tenant);
        var first = Start(_first, tenant);
        await WaitUntilMarkedAsync(tenant);

        var refused = await Start(_second, tenant, " -Restart");

        Assert.Contains($"process {Environment.ProcessId} on host", refused.ShouldFailWith("ReplayLocked"), StringComparison.Ordinal);
        Assert.IsType<WarningRecord>(Assert.Single(refused.Output).BaseObject);
        Assert.False(first.IsCompleted, "The first run should not have been disturbed.");
        await LetGoAsync(tenant);
        Assert.Equal(3, (await first).ShouldSucceed().Output[^1].Properties["AggregatesReplayed"].Value);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _warned.Dispose();
    }

    private Task<ShellOutcome> Start(PowerShellSession session, TestTenant tenant, string more = "") => Task.Run(() => session.Run(
        Replay.Replace("@urls", "@urls" + more, StringComparison.Ordinal),
        ("tenant", tenant.Id),
        ("urls", InvokeProjectionReplayTests.Urls(servers)),
        ("logs", _first.Location.FullName),
        ("warned", _warned)));

    /// <summary>Has a live job at work on the tenant's first evaluation, so that a run waits for it.</summary>
    private Task<bool> HoldUpAsync(TestTenant tenant) => servers.Redis.StringSetAsync(ActiveKey(tenant), "job-1");

    private Task<bool> LetGoAsync(TestTenant tenant) => servers.Redis.KeyDeleteAsync(ActiveKey(tenant));

    private static async Task WaitUntilMarkedAsync(TestTenant tenant)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await tenant.MarkersAsync(Projection)).Count < 3) await Task.Delay(5, patience.Token);
    }

    private static string ActiveKey(TestTenant tenant) =>
        $"{{evaluation_processing/projection/evaluationState}}:gq:group:{tenant.AggregateKey(TestTenant.EvaluationId(0))}:active";
}

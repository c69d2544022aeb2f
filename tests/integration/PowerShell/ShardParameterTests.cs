using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>-Shard as operators, scripts and pipelines give it.</summary>
public sealed class ShardParameterTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly RecordingHost _host = new(answer: 0);
    private PowerShellSession? _session;

    [Fact]
    public async Task A_dry_run_counts_and_names_the_shard_and_the_shards_make_up_the_whole()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(40).AppendAsync();

        var plans = Run(
            tenant,
            "1..4 | ForEach-Object { Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -Shard \"$_/4\" @urls -WhatIf }")
            .ShouldSucceed();

        Assert.Equal(["1/4", "2/4", "3/4", "4/4"], plans.Values("Shard"));
        Assert.Equal(
            (40, 120L), (plans.Values("AggregateCount").Sum(count => (int)count!), plans.Values("EventCount").Sum(count => (long)count!)));
        Assert.Contains(
            _host.Lines,
            line => line.Contains($"shard 3/4 of projection 'evaluationState' for tenant '{tenant.Id}'", StringComparison.Ordinal));
        Assert.Empty(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task The_plan_of_a_shard_is_run_as_that_shard()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(40).AppendAsync();

        var outcome = Run(tenant, """
            $plans = Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -Shard 2/4 @urls -WhatIf
            $plans
            $plans | Invoke-ProjectionReplay @urls -Verbose
            """).ShouldSucceed();

        var count = (int)outcome.Values("AggregateCount")[0]!;
        Assert.InRange(count, 1, 39);
        Assert.Equal(count, outcome.Values("AggregatesReplayed")[^1]);
        Assert.Equal(count, (await tenant.EvaluationsAsync()).Count);
        Assert.Contains(outcome.Verbose, line => line.StartsWith("Shard 2/4: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_plan_of_all_and_one_that_went_through_CSV_are_run_as_all()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var outcome = Run(tenant, """
            Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls -WhatIf | Invoke-ProjectionReplay @urls
            [pscustomobject] @{ Projection = 'evaluationState'; TenantId = $tenant; Since = '2026-01-01'; Shard = '' } |
                Invoke-ProjectionReplay @urls
            """).ShouldSucceed();

        Assert.Equal([4, 4], outcome.Values("AggregatesReplayed").Where(count => count is not null));
    }

    [Fact]
    public async Task Four_shards_are_the_whole()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();

        Run(
            tenant,
            "1..4 | ForEach-Object { "
                + "Invoke-ProjectionReplay tenantDailyBillableEvents $tenant 2026-01-01 -Shard \"$_/4\" -Resume @urls }")
            .ShouldSucceed();

        Assert.Equal(20, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Equal(
            ["1of4", "2of4", "3of4", "4of4"],
            Session.Location.GetFiles("*.jsonl").Select(log => log.Name.Split('-')[3]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("0/4")]
    [InlineData("5/4")]
    [InlineData("1/5000")]
    [InlineData("(3/8)")]
    [InlineData("''")]
    [InlineData("$null")]
    [InlineData("\"$nothing/8\"")]
    [InlineData("3of8")]
    public void Anything_that_is_no_shard_is_refused_before_any_server_is_called(string shard)
    {
        var message = Session.Run($"Invoke-ProjectionReplay evaluationState t 2026-01-01 -Shard {shard}").ShouldFailWith("OptionInvalid");

        Assert.Contains("such as 3/8", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rebuild_of_a_shard_is_refused()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        Run(tenant, "Invoke-ProjectionReplay tenantDailyBillableEvents $tenant 2026-01-01 @urls -Rebuild -Shard 1/2 -Confirm:$false")
            .ShouldFailWith("RebuildNotPossible");
    }

    public void Dispose() => _session?.Dispose();

    private PowerShellSession Session => _session ??= new PowerShellSession(_host);

    private ShellOutcome Run(TestTenant tenant, string script) =>
        Session.Run(script, ("tenant", tenant.Id), ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

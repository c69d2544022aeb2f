using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>-AggregateId of Invoke-ProjectionReplay as operators, scripts and pipelines give it.</summary>
public sealed class AggregateIdParameterTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Projection = "evaluationState";

    private readonly RecordingHost _host = new(answer: 0);
    private PowerShellSession? _session;

    [Fact]
    public async Task A_dry_run_counts_and_says_what_was_chosen_and_its_plan_is_run_as_that()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(9).AppendAsync();

        var outcome = Run(tenant, """
            $plan = Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId e0002, e0005 @urls -WhatIf
            $plan
            $plan | Invoke-ProjectionReplay @urls
            """).ShouldSucceed();

        Assert.Equal(2, outcome.Values("AggregateCount")[0]);
        Assert.Contains(
            _host.Lines,
            line => line.Contains(
                $"2 chosen aggregates of projection 'evaluationState' for tenant '{tenant.Id}'", StringComparison.Ordinal));
        Assert.Equal(2, outcome.Values("AggregatesReplayed")[^1]);
        Assert.Contains(
            outcome.Values("Message"), message => message is string text && text.Contains("2 that were chosen", StringComparison.Ordinal));
        Assert.Equal(["e0002", "e0005"], (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_plan_of_all_is_run_as_all()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var outcome = Run(
            tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls -WhatIf | Invoke-ProjectionReplay @urls")
            .ShouldSucceed();

        Assert.Equal(4, outcome.Values("AggregatesReplayed")[^1]);
    }

    [Fact]
    public async Task Missing_ids_are_a_warning()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        var outcome = Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId e0001, nobody @urls")
            .ShouldSucceed();

        Assert.Contains("'nobody'", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-AggregateId $null", "OptionInvalid")]
    [InlineData("-AggregateId @()", "OptionInvalid")]
    [InlineData("-AggregateId ''", "OptionInvalid")]
    [InlineData("-AggregateId e1, ''", "OptionInvalid")]
    [InlineData("-AggregateId (1..1001)", "OptionInvalid")]
    [InlineData("-AggregateId e1 -Shard 1/2", "OptionInvalid")]
    [InlineData("-AggregateId e1 -Rebuild -Confirm:$false", "RebuildNotPossible")]
    public void What_cannot_be_meant_is_refused_before_any_server_is_called(string parameters, string error)
    {
        Session.Run($"Invoke-ProjectionReplay tenantDailyBillableEvents t 2026-01-01 {parameters}").ShouldFailWith(error);
    }

    [Fact]
    public async Task A_half_done_run_of_all_is_an_error_and_no_question()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await servers.Redis.SetAddAsync($"projection-replay:completed:{Projection}", tenant.AggregateKey("e0000"));

        var message = Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId e0001 @urls")
            .ShouldFailWith("PreviousRunFound");

        Assert.Contains("without -AggregateId", message, StringComparison.Ordinal);
        Assert.Empty(_host.Questions);
        Assert.Single(await tenant.CompletedAsync(Projection));
        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -Restart @urls").ShouldSucceed();
    }

    [Fact]
    public async Task A_half_done_run_of_theirs_is_asked_about_as_any_other()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await servers.Redis.HashSetAsync($"projection-replay:cutoff:{Projection}", tenant.AggregateKey("e0001"), "pending");

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId e0001 @urls").ShouldSucceed();

        Assert.Single(_host.Questions);
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    public void Dispose() => _session?.Dispose();

    private PowerShellSession Session => _session ??= new PowerShellSession(_host);

    private ShellOutcome Run(TestTenant tenant, string script) =>
        Session.Run(script, ("tenant", tenant.Id), ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>What happens when an earlier run left off half way.</summary>
public sealed class PreviousRunTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "evaluationState";
    private const string Replay = "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls";

    [Fact]
    public async Task Nobody_to_ask_means_an_error_that_names_both_parameters()
    {
        using var session = new PowerShellSession();
        var tenant = await InterruptedAsync();

        var message = Run(session, tenant, Replay).ShouldFailWith("PreviousRunFound");

        Assert.Contains("-Resume", message, StringComparison.Ordinal);
        Assert.Contains("-Restart", message, StringComparison.Ordinal);
        Assert.Equal(2, (await tenant.CompletedAsync(Projection)).Count);
    }

    [Theory]
    [InlineData("-Resume", 3)]
    [InlineData("-Restart", 5)]
    public async Task Parameter_decides_without_a_question(string parameter, int replayed)
    {
        var host = new RecordingHost(answer: 3);
        using var session = new PowerShellSession(host);
        var tenant = await InterruptedAsync();

        var outcome = Run(session, tenant, $"{Replay} {parameter} -Force").ShouldSucceed();

        Assert.Empty(host.Questions);
        Assert.Equal(replayed, outcome.Output[^1].Properties["AggregatesReplayed"].Value);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.CompletedAsync(Projection));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 5)]
    public async Task Person_is_asked_and_may_resume_or_restart(int answer, int replayed)
    {
        var host = new RecordingHost(answer);
        using var session = new PowerShellSession(host);
        var tenant = await InterruptedAsync();

        var outcome = Run(session, tenant, $"{Replay} -Force").ShouldSucceed();

        var question = Assert.Single(host.Questions);
        Assert.Contains(tenant.Id, question, StringComparison.Ordinal);
        Assert.EndsWith("[Resume|Restart|Clean up and stop|Cancel]", question, StringComparison.Ordinal);
        Assert.Equal(replayed, outcome.Output[^1].Properties["AggregatesReplayed"].Value);
    }

    [Fact]
    public async Task Person_may_clean_up_and_stop()
    {
        using var session = new PowerShellSession(new RecordingHost(answer: 2));
        var tenant = await InterruptedAsync();

        Run(session, tenant, Replay.Replace("evaluationState", "evaluationState, experimentRunState", StringComparison.Ordinal))
            .ShouldSucceed();

        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.CompletedAsync(Projection));
        Assert.Empty(await tenant.EvaluationsAsync());
        Assert.Empty(session.Location.GetFiles());
    }

    [Fact]
    public async Task Person_may_cancel_and_everything_stays()
    {
        using var session = new PowerShellSession(new RecordingHost(answer: 3));
        var tenant = await InterruptedAsync();

        Assert.Empty(Run(session, tenant, Replay).ShouldSucceed().Output);

        Assert.Single(await tenant.MarkersAsync(Projection));
        Assert.Equal(2, (await tenant.CompletedAsync(Projection)).Count);
    }

    [Fact]
    public async Task Clear_removes_what_was_left_and_says_how_much()
    {
        using var session = new PowerShellSession();
        var tenant = await InterruptedAsync();
        var neighbour = await InterruptedAsync();

        var outcome = Run(session, tenant, "Clear-ReplayMarker evaluation* $tenant -RedisUrl $urls.RedisUrl -Confirm:$false")
            .ShouldSucceed();

        var removal = Assert.Single(outcome.Output);
        Assert.Equal([Projection, tenant.Id, 1L, 2L], removal.Properties.Select(property => property.Value));
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.CompletedAsync(Projection));
        Assert.Single(await neighbour.MarkersAsync(Projection));
        Assert.Empty(
            Run(session, tenant, "Clear-ReplayMarker evaluationState $tenant -RedisUrl $urls.RedisUrl -Confirm:$false")
                .ShouldSucceed().Output);
    }

    [Fact]
    public async Task Clear_finds_projections_that_no_longer_exist()
    {
        using var session = new PowerShellSession();
        var tenant = new TestTenant(servers);
        var projection = $"gone_{tenant.Id}";
        await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", tenant.AggregateKey("e1"), "pending");

        var outcome = Run(session, tenant, "Clear-ReplayMarker \"GONE_$tenant\" -RedisUrl $urls.RedisUrl -Confirm:$false").ShouldSucceed();

        Assert.Equal([projection], outcome.Values("Projection"));
        Assert.Empty(await tenant.MarkersAsync(projection));
    }

    [Fact]
    public async Task Clear_asks_unless_told_not_to_and_WhatIf_removes_nothing()
    {
        var tenant = await InterruptedAsync();
        var no = new RecordingHost(answer: 2);
        using var session = new PowerShellSession(no);

        Assert.Empty(
            Run(session, tenant, "Clear-ReplayMarker evaluationState $tenant -RedisUrl $urls.RedisUrl -WhatIf").ShouldSucceed().Output);
        Assert.Empty(no.Questions);
        Assert.Empty(Run(session, tenant, "Clear-ReplayMarker evaluationState $tenant -RedisUrl $urls.RedisUrl").ShouldSucceed().Output);

        Assert.Contains("Remove 1 markers and the record of 2 completed aggregates", Assert.Single(no.Questions), StringComparison.Ordinal);
        Assert.Single(await tenant.MarkersAsync(Projection));
    }

    /// <summary>A tenant of five evaluations, of which an interrupted run completed two and left one marked.</summary>
    private async Task<TestTenant> InterruptedAsync()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await servers.Redis.SetAddAsync(
            $"projection-replay:completed:{Projection}",
            [tenant.AggregateKey(TestTenant.EvaluationId(0)), tenant.AggregateKey(TestTenant.EvaluationId(1))]);
        await servers.Redis.HashSetAsync(
            $"projection-replay:cutoff:{Projection}", tenant.AggregateKey(TestTenant.EvaluationId(2)), "pending");
        return tenant;
    }

    private ShellOutcome Run(PowerShellSession session, TestTenant tenant, string script) =>
        session.Run(script, ("tenant", tenant.Id), ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

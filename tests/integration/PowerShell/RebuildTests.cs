using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>Rebuilding counters, which deletes them first.</summary>
public sealed class RebuildTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Rebuild = "Invoke-ProjectionReplay tenantDailyBillableEvents $tenant 2026-01-01 @urls -Rebuild";

    [Fact]
    public async Task Confirmed_beforehand_it_asks_nothing_and_is_exact()
    {
        var host = new RecordingHost(answer: 1);
        using var session = new PowerShellSession(host);
        var tenant = await CountedTwiceAsync();

        Run(session, tenant, $"{Rebuild} -Confirm:$false").ShouldSucceed();

        Assert.Empty(host.Questions);
        Assert.Equal(4, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task With_nobody_to_ask_it_changes_nothing_and_says_how_to_confirm()
    {
        using var session = new PowerShellSession();
        var tenant = await CountedTwiceAsync();

        var message = Run(session, tenant, Rebuild).ShouldFailWith("OptionInvalid");

        Assert.Contains("-Confirm:$false", message, StringComparison.Ordinal);
        Assert.Equal(8, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Dry_run_asks_nothing_and_changes_nothing()
    {
        using var session = new PowerShellSession();
        var tenant = await CountedTwiceAsync();

        Run(session, tenant, $"{Rebuild} -WhatIf").ShouldSucceed();

        Assert.Equal(8, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 8)]
    [InlineData(null, 8)]
    public async Task The_question_has_both_numbers_and_who_only_presses_Enter_keeps_the_counters(int? answer, int count)
    {
        var host = new RecordingHost(answer);
        using var session = new PowerShellSession(host);
        var tenant = await CountedTwiceAsync();

        Run(session, tenant, Rebuild).ShouldSucceed();

        var question = Assert.Single(host.Questions);
        Assert.Contains("1 rows that count 8 events", question, StringComparison.Ordinal);
        Assert.Contains("has 4 of the projection's events", question, StringComparison.Ordinal);
        Assert.Equal(count, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Counters_over_an_empty_log_go_by_force_alone()
    {
        using var session = new PowerShellSession();
        var tenant = await CountedTwiceAsync();
        await servers.ExecuteAsync($"ALTER TABLE event_log DELETE WHERE TenantId = '{tenant.Id}' SETTINGS mutations_sync = 1");

        Run(session, tenant, $"{Rebuild} -Confirm:$false").ShouldFailWith("RebuildNotPossible");
        Assert.Equal(8, (await tenant.BillableEventsAsync())["2026-01-10"]);

        Run(session, tenant, $"{Rebuild} -Force -Confirm:$false").ShouldSucceed();
        Assert.Empty(await tenant.BillableEventsAsync());
    }

    private async Task<TestTenant> CountedTwiceAsync()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();
        await using var command = servers.Postgres.CreateCommand("""
            INSERT INTO "TenantDailyBillableEvents" (id, "tenantId", date, count) VALUES ($1, $2, '2026-01-10', 8)
            """);
        command.Parameters.AddWithValue($"{tenant.Id}:2026-01-10");
        command.Parameters.AddWithValue(tenant.Id);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        return tenant;
    }

    private ShellOutcome Run(PowerShellSession session, TestTenant tenant, string script) =>
        session.Run(script, ("tenant", tenant.Id), ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

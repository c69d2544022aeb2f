using System.Collections;
using ProjectionReplay.Faults;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>Test-ReplayConnection.</summary>
public sealed class TestReplayConnectionTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly PowerShellSession _session = new();

    [Fact]
    public void Checks_all_servers_for_all_projections()
    {
        var outcome = _session.Run("Test-ReplayConnection @urls", ("urls", Urls())).ShouldSucceed();

        Assert.Equal(
            ["Server", "Check", "Subject", "Result", "Detail", "Advice"], outcome.Output[0].Properties.Select(property => property.Name));
        Assert.All(outcome.Output.SelectMany(item => item.Properties), property => Assert.IsType<string>(property.Value));
        Assert.Equal(["ClickHouse", "Redis", "Postgres"], outcome.Values("Server").Distinct());
        Assert.DoesNotContain("Failed", outcome.Values("Result"));
        Assert.Subset(
            outcome.Values("Subject").ToHashSet(),
            new HashSet<object?>
            {
                "event_log", "evaluation_states", "experiment_runs", "trace_summaries",
                "TenantDailyBillableEvents", "ProjectDailySdkUsage",
            });
    }

    [Theory]
    [InlineData("Test-ReplayConnection evaluationState @urls")]
    [InlineData("Test-ReplayConnection EVAL* @urls")]
    [InlineData("Get-ReplayProjection evaluationState | Test-ReplayConnection @urls")]
    [InlineData("'evaluationState', 'eval*' | Test-ReplayConnection @urls")]
    public void Needs_only_the_servers_of_the_projections_chosen(string script)
    {
        var urls = Urls();
        urls.Remove("DatabaseUrl");

        var outcome = _session.Run(script, ("urls", urls)).ShouldSucceed();

        Assert.Equal(["ClickHouse", "Redis"], outcome.Values("Server").Distinct());
        Assert.DoesNotContain("experiment_runs", outcome.Values("Subject"));
        Assert.Single(
            outcome.Output,
            item => item.Properties["Subject"].Value as string == "evaluation_states"
                && item.Properties["Check"].Value as string == "Table");
    }

    [Fact]
    public void A_name_without_match_is_an_error_that_does_not_keep_the_others_back()
    {
        var outcome = _session.Run("Test-ReplayConnection nope, evaluationState @urls", ("urls", Urls()));

        Assert.Equal(
            "ProjectionNotFound,ProjectionReplay.PowerShell.TestReplayConnectionCommand",
            Assert.Single(outcome.Errors).FullyQualifiedErrorId);
        Assert.Contains("evaluation_states", outcome.Values("Subject"));
    }

    [Fact]
    public async Task Missing_urls_are_results_and_not_errors()
    {
        var lines = await ChildShell.RunAsync(
            "Test-ReplayConnection | ForEach-Object { \"$($_.Server) $($_.Check) $($_.Result) $($_.Advice)\" }");

        Assert.Equal(3, lines.Count);
        Assert.All(lines, line => Assert.Contains(" Url Failed Give -", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_first_check_does_not_wait_for_a_server_that_is_silent()
    {
        await using var link = new FaultyLink(servers.DatabaseUrl);
        link.Stall();
        var urls = Urls();
        urls["DatabaseUrl"] = link.Url;

        var started = TimeProvider.System.GetTimestamp();
        await _session.RunAndStopAsync("Test-ReplayConnection @urls", output => output.Count > 0, ("urls", urls));

        Punctuality.ShouldKeep(TimeSpan.FromSeconds(4), TimeProvider.System.GetElapsedTime(started));
        link.Restore();
    }

    [Theory]
    [InlineData("ClickHouseUrl")]
    [InlineData("RedisUrl")]
    [InlineData("DatabaseUrl")]
    public async Task Stops_within_two_seconds_while_a_server_is_silent(string parameter)
    {
        var urls = Urls();
        await using var link = new FaultyLink((string)urls[parameter]!);
        link.Stall();
        urls[parameter] = link.Url;

        var (_, stopping) = await _session.RunAndStopAsync("Test-ReplayConnection @urls", output => output.Count > 0, ("urls", urls));

        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), stopping);
        link.Restore();
    }

    public void Dispose() => _session.Dispose();

    private Hashtable Urls() => InvokeProjectionReplayTests.Urls(servers);
}

using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>What operators do with Compare-ReplayProjection, on real servers.</summary>
public sealed class CompareReplayProjectionTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly PowerShellSession _session = new();

    [Fact]
    public async Task Compare_replay_compare_is_a_proof_that_the_replay_worked()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var outcome = Run(tenant, """
            if (Compare-ReplayProjection evaluationState, tenantDailyBillableEvents $tenant @urls) { 'a replay is needed' }
            $null = Invoke-ProjectionReplay evaluationState, tenantDailyBillableEvents $tenant 2026-01-01 @urls -RedisUrl $redis
            if (-not (Compare-ReplayProjection evaluationState, tenantDailyBillableEvents $tenant @urls)) { 'it worked' }
            """).ShouldSucceed();

        Assert.Equal(["a replay is needed", "it worked"], outcome.Output.Select(line => line.BaseObject));
    }

    [Fact]
    public async Task Differences_are_flat_objects_and_the_folder_stays_empty()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var outcome = Run(tenant, """
            Get-ReplayProjection evaluationState | Compare-ReplayProjection -TenantId $tenant -AggregateId e0001 @urls -Verbose
            """).ShouldSucceed();

        var difference = Assert.Single(outcome.Output);
        Assert.Equal(
            ["evaluationState", tenant.Id, "e0001", null, "Missing", null, null, "e0001"],
            difference.Properties.Select(property => property.Name == "Kind" ? property.Value.ToString() : property.Value));
        Assert.Contains(
            outcome.Verbose, line => line == "Compared 1 aggregates, 3 events, with table evaluation_states: 1 rows differ, in 1 places.");
        Assert.DoesNotContain(outcome.Verbose, line => line.Contains("redis", StringComparison.OrdinalIgnoreCase));
        Assert.Empty(_session.Location.GetFiles());
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    [Fact]
    public async Task Differences_are_exported_as_they_are()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        Run(tenant, "Compare-ReplayProjection tenantDailyBillableEvents $tenant @urls | Export-Json differences.json").ShouldSucceed();

        var difference = Assert.Single(
            JsonElement.Parse(await File.ReadAllBytesAsync(_session.PathOf("differences.json"))).EnumerateArray().ToList());
        Assert.Equal(("Missing", 1), (difference.GetProperty("Kind").GetString(), difference.GetProperty("Expected").GetInt32()));
    }

    [Fact]
    public async Task What_differs_is_replayed_by_itself()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();
        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId e0000, e0002 @urls -RedisUrl $redis")
            .ShouldSucceed();

        var outcome = Run(tenant, """
            $ids = (Compare-ReplayProjection evaluationState $tenant @urls).AggregateId
            $ids
            $null = Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateId $ids @urls -RedisUrl $redis
            Compare-ReplayProjection evaluationState $tenant @urls
            """).ShouldSucceed();

        Assert.Equal(["e0001", "e0003"], outcome.Output.Select(id => id.BaseObject));
    }

    [Fact]
    public async Task A_difference_of_no_aggregate_never_means_a_replay_of_all()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        Run(
            tenant,
            "Compare-ReplayProjection tenantDailyBillableEvents $tenant @urls "
                + "| Invoke-ProjectionReplay -Since 2026-01-01 @urls -RedisUrl $redis")
            .ShouldFailWith("OptionInvalid");

        Assert.Empty(await tenant.BillableEventsAsync());
    }

    [Fact]
    public async Task Progress_comes_and_goes()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        var outcome = Run(tenant, "Compare-ReplayProjection evaluationState $tenant @urls").ShouldSucceed();

        var bars = outcome.Progress.GroupBy(record => record.ActivityId).ToDictionary(bar => bar.Key);
        Assert.All(bars.Values, bar => Assert.Equal(ProgressRecordType.Completed, bar.Last().RecordType));
        Assert.All(bars[1], record => Assert.StartsWith("Comparing evaluationState", record.Activity, StringComparison.Ordinal));
        Assert.Contains(
            bars[1],
            record => record.StatusDescription.StartsWith("2 of 2 aggregates", StringComparison.Ordinal)
                || record.StatusDescription.StartsWith("0 of 2 aggregates", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(
        "Compare-ReplayProjection tenantDailyBillableEvents $tenant -Since 2026-01-01 @urls",
        "ComparisonNotPossible",
        ErrorCategory.InvalidOperation)]
    [InlineData(
        "Compare-ReplayProjection tenantDailyBillableEvents $tenant -AggregateId e1 @urls",
        "ComparisonNotPossible",
        ErrorCategory.InvalidOperation)]
    [InlineData(
        "Compare-ReplayProjection tenantDailyBillableEvents $tenant -Sample 3 @urls",
        "ComparisonNotPossible",
        ErrorCategory.InvalidOperation)]
    [InlineData(
        "Compare-ReplayProjection evaluationState $tenant -AggregateId $null @urls", "OptionInvalid", ErrorCategory.InvalidArgument)]
    [InlineData(
        "Compare-ReplayProjection evaluationState $tenant -AggregateId e1 -Sample 3 @urls", "OptionInvalid", ErrorCategory.InvalidArgument)]
    [InlineData(
        "Compare-ReplayProjection evaluationState $tenant -Since ([datetime]::UtcNow.AddDays(1)) @urls",
        "SinceInFuture",
        ErrorCategory.InvalidArgument)]
    [InlineData("Compare-ReplayProjection evaluationStates $tenant @urls", "ProjectionNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData(
        "Compare-ReplayProjection evaluationState $tenant -ClickHouseUrl http://127.0.0.1:1/x",
        "ClickHouseUnavailable",
        ErrorCategory.ConnectionError)]
    [InlineData(
        "Compare-ReplayProjection tenantDailyBillableEvents $tenant -ClickHouseUrl $urls.ClickHouseUrl",
        "ConnectionUrlMissing",
        ErrorCategory.InvalidArgument)]
    public void Errors_have_ids_and_categories(string script, string error, ErrorCategory category)
    {
        var outcome = Run(new TestTenant(servers), script);

        outcome.ShouldFailWith(error);
        Assert.Equal(category, outcome.Terminating!.CategoryInfo.Category);
    }

    [Fact]
    public async Task Ctrl_C_returns_within_two_seconds()
    {
        var tenant = new TestTenant(servers);
        await servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', 'x', 'evaluation', toString(number), concat('1768003200000:', toString(number)),
                'lw.evaluation.completed', '1', 1768003200000,
                concat('{"evaluationId":"', toString(number), '","status":"processed"}')
            FROM numbers(200000)
            """);

        var (outcome, stopping) = await _session.RunAndStopAsync(
            "Compare-ReplayProjection evaluationState $tenant @urls", output => output.Count > 0, Variables(tenant));

        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), stopping);
        Assert.InRange(outcome.Output.Count, 1, 199_999);
    }

    [Fact]
    public void Projections_are_completed()
    {
        var outcome = _session.Run("(TabExpansion2 'Compare-ReplayProjection exp' 28).CompletionMatches.CompletionText").ShouldSucceed();

        Assert.Equal("experimentRunState", Assert.Single(outcome.Output).BaseObject);
    }

    public void Dispose() => _session.Dispose();

    private (string, object?)[] Variables(TestTenant tenant) =>
    [
        ("tenant", tenant.Id),
        ("redis", servers.RedisUrl),
        ("urls", new Hashtable { ["ClickHouseUrl"] = servers.ClickHouseUrl, ["DatabaseUrl"] = servers.DatabaseUrl }),
    ];

    private ShellOutcome Run(TestTenant tenant, string script) => _session.Run(script, Variables(tenant));
}

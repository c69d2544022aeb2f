using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>What operators do with Invoke-ProjectionReplay, on real servers.</summary>
public sealed class InvokeProjectionReplayTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Projection = "evaluationState";
    private readonly PowerShellSession _session = new();

    [Fact]
    public async Task List_filter_replay_export_leaves_states_a_log_a_file_and_no_marker()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(25).AppendAsync();

        var outcome = Run(tenant, """
            Get-ReplayProjection | Where-Object Name -eq evaluationState |
                Invoke-ProjectionReplay -TenantId $tenant -Since 2026-01-01 -AggregateBatchSize 10 @urls |
                Export-Json run.json -PassThru
            """).ShouldSucceed();

        Assert.Equal(25, (await tenant.EvaluationsAsync()).Count);
        Assert.Equal("complete", outcome.Values("Step")[^1]);
        Assert.Equal(Projection, outcome.Output[^1].Properties["Projection"].Value);
        Assert.Equal(25, outcome.Output[^1].Properties["AggregatesReplayed"].Value);
        using var exported = JsonDocument.Parse(await File.ReadAllTextAsync(_session.PathOf("run.json")));
        Assert.Equal(outcome.Output.Count, exported.RootElement.GetArrayLength());
        var log = Assert.Single(_session.Location.GetFiles("projection-replay-evaluationState-*.jsonl"));
        Assert.Equal(outcome.Output.Count, (await File.ReadAllLinesAsync(log.FullName)).Length);
        await ShouldHaveNothingLeftAsync(tenant);
    }

    [Fact]
    public async Task Dry_run_tells_the_plan_and_leaves_everything_as_it_was()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(25).AppendAsync();

        var outcome = Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateBatchSize 10 @urls -WhatIf")
            .ShouldSucceed();

        var plan = Assert.Single(outcome.Output);
        Assert.Equal(
            [Projection, tenant.Id, null, null, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), 25, 75L, 3, 0L, 0L],
            plan.Properties.Select(property => property.Value));
        Assert.Empty(outcome.Information);
        Assert.Empty(await tenant.EvaluationsAsync());
        Assert.Empty(_session.Location.GetFiles());
        await ShouldHaveNothingLeftAsync(tenant);
    }

    [Fact]
    public async Task Dry_run_names_event_types_that_are_never_folded_on_the_host_and_not_in_the_pipeline()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        tenant.AddRaw("evaluation", "e0000", "lw.evaluation.reported", TestTenant.Start, "{}");
        await tenant.AppendAsync();
        var host = new RecordingHost(answer: null);
        using var session = new PowerShellSession(host);

        var outcome = session.Run("Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls -WhatIf", Variables(tenant))
            .ShouldSucceed();

        Assert.Single(outcome.Output);
        var said = Assert.Single(outcome.Information);
        Assert.Contains("'lw.evaluation.reported'", said.MessageData.ToString(), StringComparison.Ordinal);
        Assert.Contains(host.Lines, line => line.Contains("'lw.evaluation.reported'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CLICKHOUSE_URL=http://<host>:8123", "ConnectionUrlInvalid")]
    [InlineData("CLICKHOUSE_URL=http://my host:8123", "ConnectionUrlInvalid")]
    [InlineData("CLICKHOUSE_URL=clickhouse://h", "ConnectionUrlInvalid")]
    [InlineData("CLICKHOUSE_URL=http://h/db\nREDIS_URL=\"redis://h", "ConnectionUrlInvalid")]
    [InlineData("CLICKHOUSE_URL=http://h/db\nREDIS_URL=redis://h/x", "ConnectionUrlInvalid")]
    [InlineData("CLICKHOUSE_URL=http://h/db\nREDIS_URL=rediss://h?sslrootcert=", "ConnectionUrlInvalid")]
    [InlineData("KEY=\"open", "ConnectionUrlMissing")]
    public void Mistakes_of_configuration_are_told_as_such(string text, string error)
    {
        string[] stronger = ["CLICKHOUSE_URL", "REDIS_URL"];
        Assert.SkipWhen(
            Array.Exists(stronger, name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))),
            "The environment of this test run names servers, which beats the file.");
        File.WriteAllText(_session.PathOf(".env"), text);

        var message = _session.Run("Invoke-ProjectionReplay evaluationState t1 2026-01-01 -WhatIf").ShouldFailWith(error);

        Assert.Contains(_session.PathOf(".env"), message, StringComparison.Ordinal);
        Assert.DoesNotContain("report this", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dry_run_preference_is_a_dry_run_too_and_needs_no_folder()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        var outcome = Run(tenant, """
            $WhatIfPreference = $true
            $null = $ExecutionContext.SessionState.Path.SetLocation('Variable:')
            Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls
            """).ShouldSucceed();

        Assert.Equal(2, Assert.Single(outcome.Output).Properties["AggregateCount"].Value);
        Assert.Empty(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task Plan_goes_back_into_the_pipeline_to_be_run()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        Run(tenant, """
            Invoke-ProjectionReplay evaluationState, experimentRunState $tenant 2026-01-01 @urls -WhatIf |
                Where-Object AggregateCount -gt 0 | Invoke-ProjectionReplay @urls
            """).ShouldSucceed();

        Assert.Equal(2, (await tenant.EvaluationsAsync()).Count);
    }

    [Fact]
    public async Task Projections_and_tenants_run_one_after_the_other_in_the_order_given()
    {
        var first = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var second = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        var outcome = Run(
            first,
            "Invoke-ProjectionReplay experimentRunState, EvaluationState $tenant, $other 2026-01-01 @urls | Where-Object Step -eq complete",
            ("other", second.Id)).ShouldSucceed();

        Assert.Equal(["experimentRunState", "experimentRunState", Projection, Projection], outcome.Values("Projection"));
        Assert.Equal([first.Id, second.Id, first.Id, second.Id], outcome.Values("TenantId"));
        Assert.Equal([0, 0, 2, 1], outcome.Values("AggregatesReplayed"));
    }

    [Fact]
    public async Task Log_goes_to_the_folder_asked_for_relative_to_the_location()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        _session.Location.CreateSubdirectory("logs");

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -LogDirectory logs @urls").ShouldSucceed();

        Assert.Single(new DirectoryInfo(_session.PathOf("logs")).GetFiles("*.jsonl"));
    }

    [Fact]
    public async Task Urls_come_from_the_env_file_of_the_location()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        await File.WriteAllTextAsync(_session.PathOf(".env"), $"CLICKHOUSE_URL={servers.ClickHouseUrl}\nREDIS_URL={servers.RedisUrl}\n");

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01").ShouldSucceed();

        Assert.Single(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task Failure_is_an_entry_and_then_an_error_that_ends_the_script()
    {
        var tenant = new TestTenant(servers).AddEvaluations(2);
        tenant.AddRaw("evaluation", "e9999", "lw.evaluation.completed", TestTenant.Start, "this is no JSON");
        await tenant.AppendAsync();

        var outcome = Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateBatchSize 2 @urls; 'not reached'");

        outcome.ShouldFailWith("InvalidEventPayload");
        Assert.Equal(
            "InvalidEventPayload,ProjectionReplay.PowerShell.InvokeProjectionReplayCommand", outcome.Terminating!.FullyQualifiedErrorId);
        Assert.Equal(
            (ErrorCategory.InvalidData, Projection), (outcome.Terminating.CategoryInfo.Category, outcome.Terminating.TargetObject));
        Assert.Equal("error", outcome.Output[^1].Properties["Step"].Value);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Equal(2, (await tenant.CompletedAsync(Projection)).Count);
        ShouldHaveCompletedItsProgress(outcome);
    }

    [Fact]
    public async Task Progress_is_shown_ten_times_a_second_at_most_and_taken_away_at_the_end()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(30).AppendAsync();

        var started = TimeProvider.System.GetTimestamp();
        var outcome = Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateBatchSize 1 @urls").ShouldSucceed();
        var tenths = TimeProvider.System.GetElapsedTime(started) / TimeSpan.FromMilliseconds(100);

        var run = outcome.Progress.Where(record => record.ActivityId == 1).ToList();
        Assert.All(run, record => Assert.Equal($"evaluationState for {tenant.Id}", record.Activity));
        Assert.InRange(run.Count, 4, tenths + 4);
        Assert.All(outcome.Progress.Where(record => record.ActivityId == 2), record => Assert.Equal(1, record.ParentActivityId));
        Assert.Contains(outcome.Progress, record => record.StatusDescription.StartsWith("Phase ", StringComparison.Ordinal));
        ShouldHaveCompletedItsProgress(outcome);
    }

    [Fact]
    public async Task Log_that_cannot_be_written_is_an_error_before_anything_is_marked()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -LogDirectory missing @urls")
            .ShouldFailWith("LogUnavailable");

        await ShouldHaveNothingLeftAsync(tenant);
    }

    [Fact]
    public async Task Pipeline_that_is_left_half_way_ends_the_run_without_markers()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();

        var outcome = Run(tenant, """
            foreach ($once in 1) {
                Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -AggregateBatchSize 2 @urls |
                    ForEach-Object { $_; if ($_.Step -eq 'mark-batch') { break } }
            }
            """).ShouldSucceed();

        Assert.Equal(["start", "discover", "mark-batch"], outcome.Values("Step"));
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task Stop_returns_within_two_seconds_and_leaves_no_marker()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        var active = await KeepBusyAsync(tenant);

        var (outcome, stopping) = await _session.RunAndStopAsync(
            "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls",
            output => output.Any(item => Equals(item.Properties["Step"].Value, "mark-batch")),
            Variables(tenant));

        await servers.Redis.KeyDeleteAsync(active);
        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), stopping);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        ShouldHaveCompletedItsProgress(outcome);
    }

    [Theory]
    [InlineData("-DrainTimeout 0.2")]
    [InlineData("-DrainTimeout 00:00:00.2")]
    public async Task Jobs_that_do_not_end_in_time_are_a_timeout(string parameter)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var active = await KeepBusyAsync(tenant);

        var outcome = Run(tenant, $"Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 {parameter} @urls");

        await servers.Redis.KeyDeleteAsync(active);
        outcome.ShouldFailWith("DrainTimeout");
        Assert.Equal(ErrorCategory.OperationTimeout, outcome.Terminating!.CategoryInfo.Category);
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task Start_in_the_future_is_refused()
    {
        var tenant = new TestTenant(servers);

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant ([datetime]::UtcNow.AddDays(1)) @urls")
            .ShouldFailWith("SinceInFuture");
        await ShouldHaveNothingLeftAsync(tenant);
    }

    public void Dispose() => _session.Dispose();

    private (string, object?)[] Variables(TestTenant tenant) =>
        [("tenant", tenant.Id), ("urls", Urls(servers))];

    internal static Hashtable Urls(TestServers servers) => new()
    {
        ["ClickHouseUrl"] = servers.ClickHouseUrl,
        ["RedisUrl"] = servers.RedisUrl,
        ["DatabaseUrl"] = servers.DatabaseUrl,
    };

    private ShellOutcome Run(TestTenant tenant, string script, params (string, object?)[] more) =>
        _session.Run(script, [.. Variables(tenant), .. more]);

    /// <summary>Has a live job at work on the tenant's first evaluation.</summary>
    private async Task<string> KeepBusyAsync(TestTenant tenant)
    {
        var key = $"{{evaluation_processing/projection/evaluationState}}:gq:group:{tenant.AggregateKey(TestTenant.EvaluationId(0))}:active";
        await servers.Redis.StringSetAsync(key, "job-1");
        return key;
    }

    private static async Task ShouldHaveNothingLeftAsync(TestTenant tenant)
    {
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.CompletedAsync(Projection));
    }

    private static void ShouldHaveCompletedItsProgress(ShellOutcome outcome)
    {
        var last = outcome.Progress.GroupBy(record => record.ActivityId).ToDictionary(bar => bar.Key, bar => bar.Last().RecordType);
        Assert.Contains(1, last.Keys);
        Assert.All(last.Values, type => Assert.Equal(ProgressRecordType.Completed, type));
    }
}

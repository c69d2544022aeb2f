using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Diagnosis;

/// <summary>Servers that are there, and servers that are not.</summary>
public sealed class ConnectionDiagnosisTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task Nothing_is_wrong_with_servers_that_replays_work_with()
    {
        var all = ProjectionCatalog.Load([]).Entries.Select(entry => entry.Projection).ToArray();

        var outcome = await DiagnosisOutcome.RunAsync(servers.Connections, null, all);

        Assert.Empty(outcome.Faults);
        var tables = all.Select(projection => (projection.Definition.Store.ToString(), projection.Definition.Table));
        foreach (var (server, table) in tables.Append(("ClickHouse", "event_log")))
        {
            foreach (var check in (string[])["Table", "Columns", "Types", "Permission"]) outcome.ShouldBe("Passed", server, check, table);
            outcome.ShouldBe("Passed", server, server == "ClickHouse" ? "Engine" : "TimeZone", table);
        }

        foreach (var server in (string[])["ClickHouse", "Redis", "Postgres"])
        {
            foreach (var check in (string[])["Url", "Connection", "Version", "Clock"]) outcome.ShouldBe("Passed", server, check);
        }

        outcome.ShouldBe("Passed", "ClickHouse", "Settings");
        outcome.ShouldBe("Passed", "ClickHouse", "TimeToLive", "event_log");
        outcome.ShouldBe("Passed", "Postgres", "Pooler");
        Assert.Equal(["ClickHouse", "Redis", "Postgres"], outcome.Checks.Select(check => check.Server).Distinct());
    }

    [Fact]
    public async Task Postgres_is_left_out_when_no_projection_is_stored_there()
    {
        var connections = new ReplayConnections(directory: null, environment: _ => null)
        {
            ClickHouseUrl = servers.ClickHouseUrl,
            RedisUrl = servers.RedisUrl,
        };

        var outcome = await DiagnosisOutcome.RunAsync(connections, null, Evaluations);

        Assert.DoesNotContain(outcome.Checks, check => check.Server == "Postgres" || check.Result == "Failed");
    }

    [Fact]
    public async Task Missing_urls_are_failed_checks_that_name_what_would_give_them()
    {
        var outcome = await DiagnosisOutcome.RunAsync(
            new ReplayConnections(directory: null, environment: _ => null), null, Evaluations, BillableEvents);

        Assert.Equal(
            [("ClickHouse", "Url"), ("Redis", "Url"), ("Postgres", "Url")], outcome.Checks.Select(check => (check.Server, check.Check)));
        Assert.Equal("No Redis URL.", outcome.ShouldBe("Failed", "Redis", "Url").Detail);
        Assert.Contains("-DatabaseUrl", outcome.ShouldBe("Failed", "Postgres", "Url").Advice, StringComparison.Ordinal);
        Assert.Contains("CLICKHOUSE_URL", outcome.ShouldBe("Failed", "ClickHouse", "Url").Advice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ClickHouse")]
    [InlineData("Redis")]
    [InlineData("Postgres")]
    public async Task A_server_that_is_down_does_not_keep_the_others_from_being_checked(string down)
    {
        var outcome = await DiagnosisOutcome.RunAsync(
            With(down, url => url.Scheme + "://u:hunter2@127.0.0.1:1/0"), null, Evaluations, BillableEvents);

        var failed = outcome.ShouldBe("Failed", down, "Connection");
        Assert.DoesNotContain("hunter2", string.Concat(outcome.Checks), StringComparison.Ordinal);
        Assert.Contains("_URL", failed.Advice, StringComparison.Ordinal);
        Assert.Equal([failed, outcome.ShouldBe("NotChecked", down, "Rest")], outcome.Faults);
        foreach (var up in ((string[])["ClickHouse", "Redis", "Postgres"]).Where(server => server != down))
            outcome.ShouldBe("Passed", up, "Connection");
    }

    [Theory]
    [InlineData("ClickHouse")]
    [InlineData("Redis")]
    [InlineData("Postgres")]
    public async Task A_server_that_does_not_answer_is_given_up_soon(string silent)
    {
        var url = silent switch { "ClickHouse" => servers.ClickHouseUrl, "Redis" => servers.RedisUrl, _ => servers.DatabaseUrl };
        await using var link = new FaultyLink(url);
        link.Stall();

        var started = TimeProvider.System.GetTimestamp();
        var outcome = await DiagnosisOutcome.RunAsync(With(silent, _ => link.Url), null, Evaluations, BillableEvents);
        var took = TimeProvider.System.GetElapsedTime(started);

        outcome.ShouldBe("Failed", silent, "Connection");
        Assert.Equal(2, outcome.Faults.Count);
        Punctuality.ShouldKeep(CheckReport.Patience + TimeSpan.FromSeconds(3), took);
        link.Restore();
    }

    [Fact]
    public async Task Wrong_passwords_are_told_as_the_server_does()
    {
        var redis = (await DiagnosisOutcome.RunAsync(With("Redis", url => $"redis://:hunter2@{url.Authority}"), null, Evaluations))
            .ShouldBe("Failed", "Redis", "Connection");
        Assert.DoesNotContain("hunter2", redis.ToString(), StringComparison.Ordinal);

        await using var account = await PostgresAccount.CreateAsync(servers);
        var outcome = await DiagnosisOutcome.RunAsync(
            With("Postgres", _ => account.Url.Replace(account.Password, "hunter2", StringComparison.Ordinal)), null, BillableEvents);
        var postgres = outcome.ShouldBe("Failed", "Postgres", "Connection");
        Assert.Contains("password authentication failed", postgres.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", postgres.ToString(), StringComparison.Ordinal);
        Assert.Equal([postgres], outcome.Faults);
    }

    [Fact]
    public async Task Events_and_runs_of_a_tenant_are_looked_for()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var key = $"projection-replay:lock:evaluationState:{tenant.Id}";
        await servers.Redis.StringSetAsync(
            key, new ReplayLockHolder("r", "elsewhere", 7, DateTime.UtcNow, DateTime.UtcNow).Serialize(), TimeSpan.FromMinutes(1));

        var outcome = await DiagnosisOutcome.RunAsync(servers.Connections, tenant.Id, Evaluations, BillableEvents);
        await servers.Redis.KeyDeleteAsync(key);

        outcome.ShouldBe("Passed", "ClickHouse", "Events", "evaluationState");
        Assert.Contains(
            "process 7 on host 'elsewhere'",
            outcome.ShouldBe("Warning", "Redis", "Lock", "evaluationState").Detail,
            StringComparison.Ordinal);
        outcome.ShouldBe("Passed", "Redis", "Lock", "tenantDailyBillableEvents");

        var nobody = await DiagnosisOutcome.RunAsync(servers.Connections, "it's\n{nobody:String}*", Evaluations);
        nobody.ShouldBe("Warning", "ClickHouse", "Events", "evaluationState");
        nobody.ShouldBe("Passed", "Redis", "Lock", "evaluationState");
    }

    [Theory]
    [InlineData(0.9, 0, "Passed", "ahead of")]
    [InlineData(-0.9, 0, "Passed", "behind")]
    [InlineData(1.1, 0, "Warning", "ahead of")]
    [InlineData(-1.1, 0.05, "Warning", "behind")]
    [InlineData(1.1, 0.2, "Passed", "ahead of")]
    public async Task A_clock_is_off_only_if_the_way_there_does_not_explain_it(double ahead, double doubt, string result, string expected)
    {
        var report = new CheckReport("ClickHouse", TimeProvider.System);
        ClockCheck.Judge(report, TimeSpan.FromSeconds(ahead), TimeSpan.FromSeconds(doubt), ClockCheck.EventTolerance, "So what.");
        await report.RunAsync(_ => Task.CompletedTask, TestContext.Current.CancellationToken);

        var check = Assert.Single(
            await report.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
        Assert.Equal(result, check.Result);
        Assert.Contains(expected, check.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Warning", check.Advice.StartsWith("So what.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clock_that_is_off_is_noticed()
    {
        var checks = new List<ConnectionCheck>();
        var report = new CheckReport("Redis", TimeProvider.System);
        await report.RunAsync(
            _ => ClockCheck.RunAsync(
                report, ClockCheck.DisplayTolerance, "So what.", () => Task.FromResult(DateTimeOffset.UtcNow.AddSeconds(-61))),
            TestContext.Current.CancellationToken);
        await foreach (var check in report.ReadAllAsync(TestContext.Current.CancellationToken)) checks.Add(check);

        Assert.Equal("Warning", Assert.Single(checks).Result);
        Assert.Matches(@" 6[01](\.\d+)? s behind", checks[0].Detail);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("2")]
    public async Task A_ClickHouse_user_that_may_only_read_is_found_out(string mode)
    {
        var outcome = await DiagnosisOutcome.RunAsync(
            With("ClickHouse", _ => $"{servers.ClickHouseUrl}?clickhouse_setting_readonly={mode}"), null, Evaluations);

        Assert.Contains($"readonly = {mode}", outcome.ShouldBe("Failed", "ClickHouse", "ReadOnly").Detail, StringComparison.Ordinal);
        var counters = await DiagnosisOutcome.RunAsync(
            With("ClickHouse", _ => $"{servers.ClickHouseUrl}?clickhouse_setting_readonly={mode}"), null, BillableEvents);
        counters.ShouldBe("Passed", "ClickHouse", "ReadOnly");
    }

    private ReplayConnections With(string server, Func<Uri, string> change) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = server == "ClickHouse" ? change(new Uri(servers.ClickHouseUrl)) : servers.ClickHouseUrl,
        RedisUrl = server == "Redis" ? change(new Uri(servers.RedisUrl)) : servers.RedisUrl,
        DatabaseUrl = server == "Postgres" ? change(new Uri(servers.DatabaseUrl)) : servers.DatabaseUrl,
    };
}

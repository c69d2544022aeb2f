using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Diagnosis;

/// <summary>What tables of ClickHouse are made of, and what a user's profile has for queries.</summary>
public sealed class ClickHouseDiagnosisTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task Events_that_go_by_themselves_are_warned_of()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync(
            $"ALTER TABLE {database.Table("event_log")} MODIFY TTL toDateTime(EventTimestamp / 1000) + INTERVAL 400 DAY");

        var outcome = await DiagnosisOutcome.RunAsync(database.Connections, null, Evaluations);

        var found = outcome.ShouldBe("Warning", "ClickHouse", "TimeToLive", "event_log");
        Assert.Contains("-Rebuild is refused", found.Advice, StringComparison.Ordinal);
        Assert.Equal([found], outcome.Faults);
    }

    [Theory]
    [InlineData("CREATE VIEW {event_log} AS SELECT * FROM {real}")]
    [InlineData("CREATE TABLE {event_log} AS {real} ENGINE = Merge({database}, '^real$')")]
    public async Task A_log_without_parts_of_its_own_is_told(string statement)
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync($"RENAME TABLE {database.Table("event_log")} TO {database.Table("real")}");
        await servers.ExecuteAsync(statement
            .Replace("{event_log}", database.Table("event_log"), StringComparison.Ordinal)
            .Replace("{real}", database.Table("real"), StringComparison.Ordinal)
            .Replace("{database}", $"'{database.Name}'", StringComparison.Ordinal));

        var outcome = await DiagnosisOutcome.RunAsync(database.Connections, null, Evaluations);

        var found = outcome.ShouldBe("Passed", "ClickHouse", "Engine", "event_log");
        Assert.Contains("rows are counted each time", found.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ReplacingMergeTree ORDER BY (TenantId, EvaluationId)", "Passed", "keeps the latest row")]
    [InlineData("MergeTree ORDER BY (TenantId, EvaluationId)", "Failed", "engine MergeTree")]
    [InlineData("SummingMergeTree ORDER BY (TenantId, EvaluationId)", "Failed", "engine SummingMergeTree")]
    [InlineData("Memory", "Failed", "engine Memory")]
    [InlineData("Buffer('{database}', 'real', 1, 10, 100, 10000, 1000000, 10000000, 100000000)", "Warning", "in memory for a while")]
    public async Task A_table_that_does_not_keep_the_latest_row_is_found(string engine, string result, string detail)
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync($"RENAME TABLE {database.Table("evaluation_states")} TO {database.Table("real")}");
        await servers.ExecuteAsync(
            $"CREATE TABLE {database.Table("evaluation_states")} AS {database.Table("real")} "
                + $"ENGINE = {engine.Replace("{database}", database.Name, StringComparison.Ordinal)}");

        var outcome = await DiagnosisOutcome.RunAsync(database.Connections, null, Evaluations);

        var found = outcome.ShouldBe(result, "ClickHouse", "Engine", "evaluation_states");
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Passed" ? [] : [found], outcome.Faults);
    }

    [Fact]
    public async Task The_replicas_of_a_table_can_be_asked_for()
    {
        using var database = new ClickHouseDatabase(
            ServerSettings.ClickHouse(new ConnectionUrl(servers.ClickHouseUrl, "a test")).Settings);

        // None there is replicated here. The columns are, and a name that there is not would be an error.
        Assert.Empty(await ClickHouseTableChecks.ReadReplicasAsync(database, "event_log", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_a_replay_overrides_is_told()
    {
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.Profile["group_by_overflow_mode"] = "any";
        hostile.Profile["async_insert"] = "1";

        var outcome = await DiagnosisOutcome.RunAsync(Through(hostile), null, Evaluations);

        var found = outcome.ShouldBe("Passed", "ClickHouse", "Settings");
        Assert.Contains("group_by_overflow_mode = 'any'", found.Detail, StringComparison.Ordinal);
        Assert.Contains("async_insert = '1'", found.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Checks, check => check.Result == "Failed");
    }

    [Fact]
    public async Task What_a_replay_would_have_to_override_and_may_not_is_named()
    {
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        (hostile.Profile["readonly"], hostile.Profile["group_by_overflow_mode"]) = ("1", "any");

        var outcome = await DiagnosisOutcome.RunAsync(Through(hostile), null, Evaluations);

        outcome.ShouldBe("Passed", "ClickHouse", "Connection");
        var found = outcome.ShouldBe("Failed", "ClickHouse", "Settings");
        Assert.Contains("group_by_overflow_mode = 'any'", found.Detail, StringComparison.Ordinal);
        Assert.Contains("group_by_overflow_mode = 'throw'", found.Advice, StringComparison.Ordinal);
        outcome.ShouldBe("NotChecked", "ClickHouse", "Rest");
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, isDryRun: true, connections: Through(hostile)))
            .ShouldFailWith(ReplayError.SettingLocked);
    }

    [Fact]
    public async Task A_user_that_may_change_no_setting_can_do_what_is_said()
    {
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.Profile["readonly"] = "1";
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var rows = (await DiagnosisOutcome.RunAsync(Through(hostile), null, Evaluations)).ShouldBe("Failed", "ClickHouse", "ReadOnly");
        var counters = (await DiagnosisOutcome.RunAsync(Through(hostile), null, BillableEvents))
            .ShouldBe("Passed", "ClickHouse", "ReadOnly");

        Assert.Contains("-WhatIf and Compare-ReplayProjection work, and nothing can be stored", rows.Detail, StringComparison.Ordinal);
        Assert.Contains("and so do counters", counters.Detail, StringComparison.Ordinal);
        (await RunAsync(Evaluations)).ShouldFailWith(ReplayError.ClickHouseUnavailable);
        Assert.Equal(3, (await RunAsync(Evaluations, isDryRun: true)).Plan!.AggregateCount);
        (await RunAsync(BillableEvents)).ShouldSucceed();
        Assert.Equal(3, (await tenant.BillableEventsAsync())["2026-01-10"]);

        Task<ReplayOutcome> RunAsync(IFoldProjection projection, bool isDryRun = false) => ReplayOutcome.RunAsync(
            servers, projection, tenant, isDryRun: isDryRun, connections: Through(hostile), timeProvider: new HastyTime());
    }

    private ReplayConnections Through(HostileClickHouse hostile) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = hostile.Url,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = servers.DatabaseUrl,
    };
}

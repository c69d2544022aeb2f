using ProjectionReplay.Comparison;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Settings profiles, proxies and tables as other people have them.</summary>
public sealed class ServerProfileTests(TestServers servers) : IClassFixture<TestServers>
{
    private const int Evaluations = 200;

    private static readonly EvaluationStateProjection Rows = new();
    private static readonly TenantDailyBillableEventsProjection Counters = TenantDailyBillableEventsProjection.ForTenants();

    /// <summary>Each ends an answer early without an error, or keeps rows from being stored, unless a query says otherwise.</summary>
    public static TheoryData<string> Profiles { get; } =
    [
        "max_rows_to_read=100,read_overflow_mode=break,max_block_size=50",
        "max_result_rows=50,result_overflow_mode=break,max_block_size=50",
        "max_rows_to_group_by=50,group_by_overflow_mode=any",
        "max_rows_to_sort=50,sort_overflow_mode=break",
        "max_rows_in_set=50,set_overflow_mode=break",
        "max_rows_in_distinct=50,distinct_overflow_mode=break",
        "limit=70",
        "offset=30",
        "additional_result_filter=rand() % 2",
        "use_query_cache=1",
        "async_insert=1,wait_for_async_insert=0,async_insert_busy_timeout_max_ms=60000,async_insert_busy_timeout_min_ms=60000",
        "empty_result_for_aggregation_by_empty_set=1",
        "send_progress_in_http_headers=1,http_headers_progress_interval_ms=1",
        "extremes=1",
    ];

    [Theory]
    [MemberData(nameof(Profiles))]
    public async Task A_run_is_whole_or_fails_with_the_servers_words(string profile)
    {
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        Use(hostile, profile);
        foreach (var projection in (IFoldProjection[])[Rows, Counters])
        {
            var tenant = await new TestTenant(servers).AddEvaluations(Evaluations).AppendAsync();
            var outcome = await RunAsync(hostile, projection, tenant);
            if (outcome.Exception is null)
            {
                await new StateOracle(servers, projection, tenant.Id).AssertStoredAsync(profile);
            }
            else
            {
                var isExplained = outcome.Error == ReplayError.AnswerIncomplete
                    || outcome.Exception.Message.Contains("DB::Exception", StringComparison.Ordinal);
                Assert.True(isExplained, outcome.Exception.ToString());
                Assert.Empty(await tenant.MarkersAsync(projection.Definition.Name));
            }
        }
    }

    [Theory]
    [InlineData("limit=70")]
    [InlineData("max_rows_to_group_by=50,group_by_overflow_mode=any")]
    [InlineData("max_result_rows=50,result_overflow_mode=break,max_block_size=50")]
    public async Task A_comparison_and_a_dry_run_see_all_of_it_or_fail(string profile)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(Evaluations).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Rows, tenant)).ShouldSucceed();
        await servers.ExecuteAsync(
            $"ALTER TABLE evaluation_states DELETE WHERE TenantId = '{tenant.Id}' AND EvaluationId = 'e0199' SETTINGS mutations_sync = 1");
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        Use(hostile, profile);

        var compared = await ComparisonOutcome.RunAsync(servers, Rows, tenant, connections: Through(hostile));
        if (compared.Exception is null) Assert.Equal("e0199", Assert.Single(compared.Differences).Key);
        var planned = await ReplayOutcome.RunAsync(servers, Rows, tenant, isDryRun: true, connections: Through(hostile));
        if (planned.Exception is not null) return;
        Assert.Equal((Evaluations, Evaluations * 3L), (planned.Plan!.AggregateCount, planned.Plan.EventCount));
    }

    [Fact]
    public async Task A_user_with_readonly_1_can_compare_and_plan_but_not_replay()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Rows, tenant)).ShouldSucceed();
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        Use(hostile, "readonly=1");

        Assert.Empty((await ComparisonOutcome.RunAsync(servers, Rows, tenant, connections: Through(hostile))).ShouldSucceed().Differences);
        var planned = await ReplayOutcome.RunAsync(servers, Rows, tenant, isDryRun: true, connections: Through(hostile));
        Assert.Equal(5, planned.Plan!.AggregateCount);
        (await RunAsync(hostile, Rows, tenant)).ShouldFailWith(ReplayError.ClickHouseUnavailable);
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    [Fact]
    public async Task A_locked_setting_that_cuts_answers_off_is_named()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        Use(hostile, "readonly=1,group_by_overflow_mode=any");

        var planned = await ReplayOutcome.RunAsync(servers, Rows, tenant, isDryRun: true, connections: Through(hostile));

        planned.ShouldFailWith(ReplayError.SettingLocked);
        Assert.Contains("group_by_overflow_mode = 'any'", planned.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains("group_by_overflow_mode = 'throw'", planned.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_that_were_deleted_come_back_into_a_table_that_drops_blocks_it_has_had()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        await servers.ExecuteAsync("ALTER TABLE evaluation_states MODIFY SETTING non_replicated_deduplication_window = 1000");
        (await ReplayOutcome.RunAsync(servers, Rows, tenant)).ShouldSucceed();
        await servers.ExecuteAsync($"ALTER TABLE evaluation_states DELETE WHERE TenantId = '{tenant.Id}' SETTINGS mutations_sync = 1");
        Assert.Empty(await tenant.EvaluationsAsync());

        (await ReplayOutcome.RunAsync(servers, Rows, tenant)).ShouldSucceed();

        await new StateOracle(servers, Rows, tenant.Id).AssertStoredAsync();
    }

    [Fact]
    public async Task A_proxy_that_takes_no_long_URL_is_no_hindrance()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(400).AppendAsync();
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.LongestUrl = 8 * 1024;
        string[] ids = [.. Enumerable.Range(0, 400).Select(TestTenant.EvaluationId)];

        var outcome = await ReplayOutcome.RunAsync(servers, Rows, tenant, aggregateIds: ids, connections: Through(hostile));

        outcome.ShouldSucceed();
        await new StateOracle(servers, Rows, tenant.Id).AssertStoredAsync();
        Assert.Empty((await ComparisonOutcome.RunAsync(
            servers, Rows, tenant, request => request with { AggregateIds = ids }, Through(hostile))).ShouldSucceed().Differences);
    }

    [Theory]
    [InlineData(AnswerFault.ErrorHeader)]
    [InlineData(AnswerFault.BareErrorHeader)]
    public async Task An_insert_that_fails_under_a_status_of_success_fails_the_run(AnswerFault fault)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.Judge = sql => sql.StartsWith("INSERT", StringComparison.Ordinal) ? new AnswerPlan(fault) : null;

        var outcome = await ReplayOutcome.RunAsync(
            servers, Rows, tenant, connections: Through(hostile), timeProvider: new HastyTime());

        outcome.ShouldFailWith(ReplayError.ClickHouseUnavailable);
        Assert.Contains("Code: 241", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.True(hostile.Strikes > 1, "An error that may pass should have been tried again.");
    }

    [Fact]
    public async Task A_page_of_a_proxy_is_told_from_an_answer_of_ClickHouse()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.LongestUrl = 1;

        var outcome = await ReplayOutcome.RunAsync(servers, Rows, tenant, connections: Through(hostile));

        outcome.ShouldFailWith(ReplayError.ClickHouseUnavailable);
        Assert.Contains("HTTP 414", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains("nginx/1.24.0", outcome.Exception.Message, StringComparison.Ordinal);
    }

    private Task<ReplayOutcome> RunAsync(HostileClickHouse hostile, IFoldProjection projection, TestTenant tenant) =>
        ReplayOutcome.RunAsync(
            servers,
            projection,
            tenant,
            new ReplayOptions { AggregateBatchSize = 70 },
            connections: Through(hostile),
            timeProvider: new HastyTime());

    private static void Use(HostileClickHouse hostile, string profile)
    {
        foreach (var setting in profile.Split(','))
        {
            var at = setting.IndexOf('=', StringComparison.Ordinal);
            hostile.Profile[setting[..at]] = setting[(at + 1)..];
        }
    }

    private ReplayConnections Through(HostileClickHouse hostile) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = hostile.Url,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = servers.DatabaseUrl,
    };
}

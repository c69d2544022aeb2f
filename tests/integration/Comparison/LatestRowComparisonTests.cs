using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Sandbox.Seeding;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>What a comparison finds in tables where the latest row wins.</summary>
public sealed class LatestRowComparisonTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly ExperimentRunStateProjection Runs = new();
    private static readonly TraceSummaryProjection Traces = new(new Lazy<ModelPrices>(ModelPriceFile.Shipped));

    [Fact]
    public async Task It_says_missing_before_a_replay_and_nothing_after_it_whichever_the_table()
    {
        var tenant = new TestTenant(servers);
        using (var seeder = new EventSeeder(servers.ClickHouseUrl))
        {
            await seeder.SeedAsync(new SeedOptions { Events = 600, Tenants = [tenant.Id], Days = 40, DuplicateEvery = 11 });
        }

        foreach (var projection in (IFoldProjection[])[Evaluations, Runs, Traces])
        {
            var before = (await ComparisonOutcome.RunAsync(servers, projection, tenant)).ShouldSucceed();
            (await ReplayOutcome.RunAsync(servers, projection, tenant, since: DateTimeOffset.UnixEpoch)).ShouldSucceed();
            var after = (await ComparisonOutcome.RunAsync(servers, projection, tenant)).ShouldSucceed();

            Assert.NotEmpty(before.Differences);
            Assert.All(before.Differences, difference => Assert.Equal((DifferenceKind.Missing, null), (difference.Kind, difference.Field)));
            Assert.All(
                before.Differences,
                difference => Assert.Equal((projection.Definition.Name, tenant.Id), (difference.Projection, difference.TenantId)));
            Assert.Empty(after.Lines);
            Assert.Empty(after.Warnings);
            Assert.Equal(after.Progress!.AggregateCount, after.Progress.AggregatesReplayed);
            Assert.EndsWith("no difference.", after.Verbose[^1], StringComparison.Ordinal);
        }
    }

    /// <summary>Each of another evaluation, told by one comparison.</summary>
    [Fact]
    public async Task A_changed_column_of_an_evaluation_is_told()
    {
        (string Column, string Sql, string Values)[] changes =
        [
            ("EvaluatorId", "'other'", "evaluator_1 other"),
            ("EvaluatorType", "'other'", "custom/test other"),
            ("EvaluatorName", "''", "null "),
            ("IsGuardrail", "1", "0 1"),
            ("Score", "0.5000000000000001", "0.5 0.5000000000000001"),
            ("Score", "NULL", "0.5 null"),
            ("Passed", "0", "null 0"),
            ("CompletedAt", "addMilliseconds(assumeNotNull(CompletedAt), 1)", "01/10/2026 00:00:02 01/10/2026 00:00:02"),
            ("Version", "'2020-01-01'", "2025-01-14 2020-01-01"),
        ];
        var tenant = await ReplayedEvaluationsAsync(changes.Length + 1);

        for (var i = 0; i < changes.Length; i++)
        {
            await ChangeEvaluationAsync(tenant, TestTenant.EvaluationId(i), $"{changes[i].Sql} AS {changes[i].Column}");
        }

        var outcome = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        Assert.Equal(
            changes.Select((change, i) => $"Different {TestTenant.EvaluationId(i)} {change.Column} {change.Values}"), outcome.Lines);
        Assert.Equal("e0000", outcome.Differences[0].AggregateId);
        Assert.EndsWith("9 rows differ, in 9 places.", outcome.Verbose[^1], StringComparison.Ordinal);
    }

    /// <summary>Each of another trace, told by one comparison.</summary>
    [Fact]
    public async Task A_changed_column_of_a_trace_is_told_whatever_its_type()
    {
        (string Column, string Sql, bool IsTold)[] changes =
        [
            ("Attributes", "mapConcat(Attributes, map('more', 'x'))", true),
            ("Attributes", "mapApply((k, v) -> (k, concat(v, '!')), Attributes)", true),
            ("Attributes", "mapFromArrays(arrayReverse(mapKeys(Attributes)), arrayReverse(mapValues(Attributes)))", false),
            ("Models", "arrayConcat(Models, ['other'])", true),
            ("Models", "arrayReverse(Models)", true),
            ("SpanCount", "SpanCount + 1", true),
            ("TotalDurationMs", "TotalDurationMs - 1", true),
            ("TotalCost", "ifNull(TotalCost, 0) + 1e-9", true),
            ("TotalPromptTokenCount", "ifNull(TotalPromptTokenCount, 0) + 1", true),
            ("ContainsErrorStatus", "NOT ContainsErrorStatus", true),
            ("HasAnnotation", "true", true),
            ("ComputedOutput", "concat(ifNull(ComputedOutput, ''), ' ')", true),
            ("OccurredAt", "addMilliseconds(OccurredAt, 1)", true),
            ("CreatedAt", "addDays(CreatedAt, 30)", true),
            ("Id", "'tracesummary_other'", true),
        ];
        var tenant = new TestTenant(servers);
        for (var i = 0; i <= changes.Length; i++)
        {
            var span = SampleSpan.Of(("gen_ai.request.model", "b"), ("gen_ai.response.model", "a"))
                .ResourceText("service.name", "shop")
                .ResourceText("service.version", "1");
            var other = SampleSpan.Of(("gen_ai.request.model", "c"));
            var (id, start) = (TraceId(i), TestTenant.Start);
            tenant.AddRaw("trace", id, "lw.obs.trace.span_received", start, (span with { TraceId = id }).ToJson());
            tenant.AddRaw("trace", id, "lw.obs.trace.span_received", start.AddSeconds(1), (other with { TraceId = id }).ToJson());
        }

        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed();
        Assert.Empty((await ComparisonOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed().Lines);

        for (var i = 0; i < changes.Length; i++)
        {
            await servers.ExecuteAsync($"""
                INSERT INTO trace_summaries
                SELECT * REPLACE ({changes[i].Sql} AS {changes[i].Column})
                FROM trace_summaries FINAL
                WHERE TenantId = '{tenant.Id}' AND TraceId = '{TraceId(i)}'
                """);
        }

        var outcome = (await ComparisonOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed();
        Assert.Equal(
            changes.Index().Where(change => change.Item.IsTold).Select(change => (TraceId(change.Index), change.Item.Column)),
            outcome.Differences.Select(difference => (difference.Key, difference.Field!)));

        static string TraceId(int number) => string.Create(CultureInfo.InvariantCulture, $"t{number:D2}");
    }

    [Fact]
    public async Task Arrays_maps_and_times_are_told_in_words_and_both_columns_of_one_row()
    {
        var tenant = new TestTenant(servers);
        tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start,
            (SampleSpan.Of(("gen_ai.request.model", "shop/ünïq\"")).ResourceText("service.name", "shop") with { TraceId = "t1" }).ToJson());
        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed();

        await servers.ExecuteAsync($"""
            INSERT INTO trace_summaries
            SELECT * REPLACE ([] AS Models, map('a', 'b') AS Attributes, toDateTime64('2020-02-02 00:00:00.001', 3, 'UTC') AS OccurredAt)
            FROM trace_summaries FINAL
            WHERE TenantId = '{tenant.Id}'
            """);

        var differences = (await ComparisonOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed().Differences;
        Assert.Equal(["Attributes", "OccurredAt", "Models"], differences.Select(difference => difference.Field));
        Assert.Equal(("""{"service.name":"shop"}""", """{"a":"b"}"""), (differences[0].Expected, differences[0].Actual));
        Assert.Equal(new DateTime(2020, 2, 2, 0, 0, 0, 1, DateTimeKind.Utc), differences[1].Actual);
        Assert.Equal(DateTimeKind.Utc, ((DateTime)differences[1].Actual!).Kind);
        Assert.Equal(("""["shop/ünïq\""]""", "[]"), (differences[2].Expected, differences[2].Actual));
    }

    [Fact]
    public async Task A_run_is_told_apart_by_experiment_and_run()
    {
        var tenant = new TestTenant(servers);
        foreach (var run in (string[])["r1", "r2"])
        {
            tenant.AddRaw(
                "experiment_run",
                run,
                "lw.experiment_run.started",
                TestTenant.Start,
                $$"""{"runId":"{{run}}","experimentId":"x{{run}}","total":2,"targets":[]}""");
        }

        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();

        // The second row is of no run that there is: it shares a part of its key with each of the two that there are.
        await servers.ExecuteAsync($"""
            INSERT INTO experiment_runs
            SELECT * REPLACE (3 AS Total, UpdatedAt + 1 AS UpdatedAt)
            FROM experiment_runs FINAL
            WHERE TenantId = '{tenant.Id}' AND RunId = 'r2'
            """);
        await servers.ExecuteAsync($"""
            INSERT INTO experiment_runs
            SELECT * REPLACE ('xr2' AS ExperimentId, 9 AS Total)
            FROM experiment_runs FINAL
            WHERE TenantId = '{tenant.Id}' AND RunId = 'r1'
            """);

        var outcome = (await ComparisonOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();
        Assert.Equal(["Different r2/xr2 Total 2 3", "Extra r1/xr2 - null null"], outcome.Lines);
    }

    [Fact]
    public async Task The_latest_of_several_rows_counts_though_they_are_not_merged_and_in_other_partitions()
    {
        var tenant = await ReplayedEvaluationsAsync(2);
        await servers.ExecuteAsync("SYSTEM STOP MERGES evaluation_states");
        try
        {
            await ChangeEvaluationAsync(tenant, "e0000", "'old' AS Label", updatedAt: "toDateTime64('2020-01-01 00:00:00', 3)");
            await ChangeEvaluationAsync(tenant, "e0001", "'new' AS Label", updatedAt: "addDays(UpdatedAt, 30)");

            var outcome = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

            Assert.Equal(["Different e0001 Label null new"], outcome.Lines);
        }
        finally
        {
            await servers.ExecuteAsync("SYSTEM START MERGES evaluation_states");
        }
    }

    [Fact]
    public async Task Rows_without_events_are_extra_unless_only_a_part_is_compared()
    {
        var tenant = await ReplayedEvaluationsAsync(2);
        await ChangeEvaluationAsync(tenant, "e0001", "'stray' AS EvaluationId");

        var outcome = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal(["Extra stray - null null"], outcome.Lines);
        Assert.Equal("", outcome.Differences[0].AggregateId);
        foreach (var part in (Func<ComparisonRequest, ComparisonRequest>[])
            [
                request => request with { Since = TestTenant.Start },
                request => request with { AggregateIds = ["e0000"] },
                request => request with { SampleSize = 5 },
            ])
        {
            Assert.Empty((await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, part)).ShouldSucceed().Lines);
        }
    }

    [Fact]
    public async Task A_thousand_strays_are_all_told_and_each_once()
    {
        var tenant = await ReplayedEvaluationsAsync(1);
        await servers.ExecuteAsync($"""
            INSERT INTO evaluation_states (Id, TenantId, EvaluationId)
            SELECT 'x', '{tenant.Id}', concat('stray', toString(number))
            FROM numbers(1234)
            """);

        var outcome = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal(1234, outcome.Differences.Select(difference => difference.Key).Distinct().Count());
        Assert.Equal(1234, outcome.Differences.Count);
    }

    [Fact]
    public async Task Two_tenants_with_the_same_ids_are_told_apart()
    {
        var tenant = await ReplayedEvaluationsAsync(3);
        var neighbour = await ReplayedEvaluationsAsync(3);
        await ChangeEvaluationAsync(neighbour, "e0002", "'x' AS Label");
        await ChangeEvaluationAsync(neighbour, "e0002", "'stray' AS EvaluationId");

        Assert.Empty((await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed().Lines);
        Assert.Equal(
            ["Different e0002 Label null x", "Extra stray - null null"],
            (await ComparisonOutcome.RunAsync(servers, Evaluations, neighbour)).ShouldSucceed().Lines);
    }

    [Fact]
    public async Task It_works_batch_by_batch_and_tells_of_one_before_it_reads_the_next()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync();
        var toldBefore = new List<int>();
        var messages = new ReplayMessages();
        var request = new ComparisonRequest
        {
            Projection = Evaluations,
            TenantId = tenant.Id,
            Options = new ReplayOptions { AggregateBatchSize = 3, StagingGrace = TimeSpan.Zero },
            Grace = TimeSpan.Zero,
            Pause = (_, _) =>
            {
                var told = 0;
                while (messages.Reader.TryRead(out var message)) told += message is ReplayFindingMessage ? 1 : 0;
                toldBefore.Add(told);
                return ValueTask.CompletedTask;
            },
        };

        await new ProjectionComparison(servers.Connections).CompareAsync(request, messages, TestContext.Current.CancellationToken);

        Assert.Equal([0, 3, 3, 3], toldBefore);
    }

    [Fact]
    public async Task Events_that_cannot_be_folded_end_it_as_they_would_end_a_replay()
    {
        var tenant = new TestTenant(servers);
        var id = tenant.AddRaw("evaluation", "e1", "lw.evaluation.completed", TestTenant.Start, "no JSON");
        await tenant.AppendAsync();

        var message = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldFailWith(ReplayError.InvalidEventPayload);

        Assert.Contains(id, message, StringComparison.Ordinal);
    }

    private async Task<TestTenant> ReplayedEvaluationsAsync(int count)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(count).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        return tenant;
    }

    private Task ChangeEvaluationAsync(TestTenant tenant, string id, string change, string updatedAt = "UpdatedAt + 1") =>
        servers.ExecuteAsync($"""
            INSERT INTO evaluation_states
            SELECT * REPLACE ({change}, {updatedAt} AS UpdatedAt)
            FROM (SELECT * FROM evaluation_states FINAL WHERE TenantId = '{tenant.Id}' AND EvaluationId = '{id}')
            """);
}

using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Comparison;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Stores;

/// <summary>Rows that are stored already: what they know and the log does not, and which of two rows wins.</summary>
public sealed class StoredHistoryTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly ExperimentRunStateProjection Runs = new();
    private static readonly TraceSummaryProjection Traces = new(new Lazy<ModelPrices>(() => ModelPriceFile.Shipped));

    public static TheoryData<string> Projections { get; } = ["evaluationState", "experimentRunState", "traceSummary"];

    [Theory]
    [MemberData(nameof(Projections))]
    public async Task Rows_whose_first_events_have_expired_are_left_as_they_are_and_told(string name)
    {
        var (projection, tenant) = await AppendAsync(name);
        (await ReplayOutcome.RunAsync(servers, projection, tenant)).ShouldSucceed();
        var before = await RowsAsync(projection, tenant);
        await ExpireAsync(tenant, "a2");

        var outcome = (await ReplayOutcome.RunAsync(servers, projection, tenant)).ShouldSucceed();

        Assert.Equal(before["a2"], (await RowsAsync(projection, tenant))["a2"]);
        Assert.Equal((4, 1, 5), (outcome.Last.AggregatesReplayed, outcome.Last.SetAside, outcome.Last.Planned));
        Assert.Contains("Planned 5, set aside 1, born since 0, gone since 0.", outcome.Last.Message, StringComparison.Ordinal);
        var warning = Assert.Single(outcome.Warnings);
        Assert.Contains("1 aggregates are left as they are, for example 'a2'", warning, StringComparison.Ordinal);
        Assert.Contains("-Force", warning, StringComparison.Ordinal);
        Assert.Contains("Batch 1: left as they are: a2.", outcome.Verbose);
        Assert.Empty(await tenant.MarkersAsync(name));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task They_are_replayed_when_the_loss_is_allowed_and_not_for_being_named_alone(bool isNamed)
    {
        var (_, tenant) = await AppendAsync("evaluationState");
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        await ExpireAsync(tenant, "a2");
        string[]? names = isNamed ? ["a2"] : null;
        var kept = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: names);
        Assert.Equal(1, kept.ShouldSucceed().Last.SetAside);

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: names, allowsLoss: true);

        Assert.Equal(0, outcome.ShouldSucceed().Last.SetAside);
        Assert.Equal(JsonValueKind.Null, (await tenant.EvaluationsAsync())["a2"].GetProperty("ScheduledAt").ValueKind);
    }

    [Fact]
    public async Task A_run_that_is_cut_into_batches_and_resumed_leaves_them_alone_in_each()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(40).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        await ExpireAsync(tenant, "e0003", "e0021", "e0022", "e0039");
        var before = await tenant.EvaluationsAsync();
        var options = new ReplayOptions
        {
            AggregateBatchSize = 7,
            Probe = (boundary, _) => boundary == new ReplayBoundary(3, ReplayPhase.Store, IsBefore: true)
                ? throw new InvalidOperationException("Stopped by the test.")
                : ValueTask.CompletedTask,
        };

        var stopped = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, options);
        var resumed = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, options with { Probe = null }, PreviousRunAction.Resume);

        Assert.NotNull(stopped.Exception);
        Assert.Contains(stopped.Warnings, warning => warning.Contains("are left as they are", StringComparison.Ordinal));
        Assert.Equal(4, resumed.ShouldSucceed().Last.SetAside);
        Assert.Contains("completed before 13, set aside 4", resumed.Last.Message, StringComparison.Ordinal);
        var after = await tenant.EvaluationsAsync();
        foreach (var id in new[] { "e0003", "e0021", "e0022", "e0039" })
        {
            Assert.Equal(before[id].GetRawText(), after[id].GetRawText());
        }
    }

    [Fact]
    public async Task What_a_live_handler_has_folded_since_the_load_is_no_lost_history()
    {
        var tenant = new TestTenant(servers).AddEvaluation("other");
        foreach (var type in new[] { "scheduled", "started" })
        {
            tenant.AddRaw(
                "evaluation",
                "e1",
                "lw.evaluation." + type,
                TestTenant.Start,
                """{"evaluationId":"e1","evaluatorId":"x","evaluatorType":"y","evaluatorName":"known"}""");
        }

        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ["other"])).ShouldSucceed();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) return;
                tenant.AddRaw(
                    "evaluation",
                    "e1",
                    "lw.evaluation.completed",
                    TestTenant.Start.AddHours(1),
                    """{"evaluationId":"e1","status":"error"}""");
                await tenant.AppendAsync();
                await servers.ExecuteAsync($"""
                    INSERT INTO evaluation_states (TenantId, EvaluationId, CompletedAt) VALUES ('{tenant.Id}', 'e1', '2026-01-10 01:00:00')
                    """);
            },
        });

        Assert.Equal((2, 0), (outcome.ShouldSucceed().Last.AggregatesReplayed, outcome.Last.SetAside));
        await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
    }

    [Fact]
    public async Task A_run_whose_experiment_only_an_expired_event_told_gets_no_second_row()
    {
        var (_, tenant) = await AppendAsync("experimentRunState");
        tenant.AddRaw("experiment_run", "a2", "lw.experiment_run.completed", TestTenant.Start.AddDays(1), """{"runId":"a2"}""");
        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();
        var before = await RowsAsync(Runs, tenant);
        await ExpireAsync(tenant, "a2");
        await ExpireAsync(tenant, "a2");

        var outcome = (await ReplayOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();

        Assert.Equal(1, outcome.Last.SetAside);
        Assert.Equal(before["a2"], (await RowsAsync(Runs, tenant))["a2"]);
    }

    [Fact]
    public async Task Rows_that_a_live_handler_counted_twice_are_made_right()
    {
        var (_, tenant) = await AppendAsync("experimentRunState");
        await servers.ExecuteAsync($"""
            INSERT INTO experiment_runs (Id, TenantId, RunId, ExperimentId, Version, Progress, CompletedCount, Targets, StartedAt)
            VALUES ('x', '{tenant.Id}', 'a1', 'x1', '1', 7, 7, '[]', '2026-01-10 00:00:00')
            """);

        var outcome = (await ReplayOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();

        Assert.Equal((5, 0), (outcome.Last.AggregatesReplayed, outcome.Last.SetAside));
        Assert.Contains("\"Progress\":1,", (await RowsAsync(Runs, tenant))["a1"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_of_a_later_version_is_counted_and_told_as_it_wins()
    {
        var (_, tenant) = await AppendAsync("traceSummary");
        await servers.ExecuteAsync($"""
            INSERT INTO trace_summaries (Id, TenantId, TraceId, CreatedAt, LastUpdatedAt, SpanCount)
            VALUES ('x', '{tenant.Id}', 'a1', '2026-01-10 00:01:00', '2036-01-01 00:00:00', 1),
                ('x', '{tenant.Id}', 'a3', '2026-01-10 00:03:00', '2026-01-01 00:00:00', 1)
            """);

        var outcome = (await ReplayOutcome.RunAsync(servers, Traces, tenant)).ShouldSucceed();

        var warning = Assert.Single(outcome.Warnings);
        Assert.StartsWith(
            "1 rows were stored in vain: trace_summaries has a row of the same key with a later LastUpdatedAt",
            warning,
            StringComparison.Ordinal);
        var compared = await ComparisonOutcome.RunAsync(servers, Traces, tenant);
        Assert.Equal("a1", Assert.Single(compared.Differences.Select(difference => difference.Key).Distinct()));

        // As docs/troubleshooting.md says.
        await servers.ExecuteAsync(
            $"ALTER TABLE trace_summaries DELETE WHERE TenantId = '{tenant.Id}' AND TraceId IN ('a1') SETTINGS mutations_sync = 1");
        Assert.Empty((await ReplayOutcome.RunAsync(servers, Traces, tenant, aggregateIds: ["a1"])).ShouldSucceed().Warnings);
        Assert.Empty((await ComparisonOutcome.RunAsync(servers, Traces, tenant)).Differences);
    }

    [Fact]
    public async Task A_row_that_a_live_handler_has_stored_since_the_load_is_not_called_stored_in_vain()
    {
        var (_, tenant) = await AppendAsync("traceSummary");

        var outcome = await ReplayOutcome.RunAsync(servers, Traces, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) return;
                var span = SampleSpan.Of().Child() with { TraceId = "a1" };
                tenant.AddRaw("trace", "a1", "lw.obs.trace.span_received", TestTenant.Start.AddHours(1), span.ToJson());
                await tenant.AppendAsync();
                await servers.ExecuteAsync($"""
                    INSERT INTO trace_summaries (Id, TenantId, TraceId, CreatedAt, LastUpdatedAt, SpanCount)
                    VALUES ('x', '{tenant.Id}', 'a1', '2026-01-10 00:01:00', '2026-01-10 01:00:00', 1)
                    """);
            },
        });

        Assert.Empty(outcome.ShouldSucceed().Warnings);
        Assert.Contains("\"SpanCount\":3,", (await RowsAsync(Traces, tenant))["a1"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CreatedAt DateTime64(3)", "CreatedAt DateTime", "(TenantId, TraceId)", true)]
    [InlineData("CreatedAt DateTime64(3)", "CreatedAt DateTime64(6)", "(TenantId, TraceId)", true)]
    [InlineData("", "", "(TenantId, toDate(OccurredAt), TraceId)", false)]
    public async Task What_other_tables_have_is_looked_at_too_or_said(string column, string other, string order, bool isKept)
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var (_, tenant) = await AppendAsync("traceSummary");
        await database.CopyAsync(tenant);
        var summaries = database.Table("trace_summaries");
        var sql = Sandbox.SandboxSchema.TraceSummaries
            .Replace("ORDER BY (TenantId, TraceId)", $"ORDER BY {order}", StringComparison.Ordinal)
            .Replace("EXISTS trace_summaries", $"EXISTS {summaries}", StringComparison.Ordinal);
        await servers.ExecuteAsync($"DROP TABLE IF EXISTS {summaries}");
        await servers.ExecuteAsync(column.Length == 0 ? sql : Change(sql, column, other));
        (await ReplayOutcome.RunAsync(servers, Traces, tenant, connections: database.Connections)).ShouldSucceed();
        var log = database.Table("event_log");
        await servers.ExecuteAsync(
            $"ALTER TABLE {log} DELETE WHERE AggregateId = 'a2' AND EventTimestamp < 1768003325000 SETTINGS mutations_sync = 1");

        var outcome = (await ReplayOutcome.RunAsync(servers, Traces, tenant, connections: database.Connections)).ShouldSucceed();

        var row = Assert.Single(await servers.QueryAsync($"SELECT SpanCount FROM {summaries} FINAL WHERE TraceId = 'a2'"));
        Assert.Equal(isKept ? 2 : 1, row.GetProperty("SpanCount").GetInt32());
        Assert.Equal(isKept ? 1 : 0, outcome.Last.SetAside);
        var said = isKept ? "are left as they are" : "is not looked at, as its sorting key";
        Assert.Contains(said, Assert.Single(outcome.Warnings), StringComparison.Ordinal);

        static string Change(string sql, string from, string to)
        {
            Assert.Contains(from, sql, StringComparison.Ordinal);
            return sql.Replace(from, to, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_name_that_is_empty_is_nobody_elses()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        tenant.AddRaw(
            "evaluation",
            "nameless",
            "lw.evaluation.scheduled",
            TestTenant.Start,
            """{"evaluationId":"","evaluatorId":"x","evaluatorType":"y"}""");
        await tenant.AppendAsync();

        var outcome = (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal((4, 0), (outcome.Last.AggregatesReplayed, outcome.Last.SetAside));
        Assert.Contains("", (await tenant.EvaluationsAsync()).Keys);
    }

    [Fact]
    public async Task A_table_that_replaces_no_rows_is_refused()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        await database.CopyAsync(tenant);
        var states = database.Table("evaluation_states");
        await servers.ExecuteAsync($"CREATE TABLE {states}_new AS {states} ENGINE = MergeTree ORDER BY (TenantId, EvaluationId)");
        await servers.ExecuteAsync($"DROP TABLE {states}");
        await servers.ExecuteAsync($"RENAME TABLE {states}_new TO {states}");

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: database.Connections);

        outcome.ShouldFailWith(ReplayError.TableMissing);
        Assert.Contains("keeps every row", outcome.Exception!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_in_warnings_cannot_steer_a_terminal()
    {
        const string Id = "a\u001b]0;title\u0007b";
        var tenant = new TestTenant(servers).AddEvaluation(Id);
        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        await servers.ExecuteAsync($"""
            ALTER TABLE event_log DELETE WHERE TenantId = '{tenant.Id}' AND EventType = 'lw.evaluation.scheduled'
            SETTINGS mutations_sync = 1
            """);

        var warning = Assert.Single((await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed().Warnings);

        Assert.Contains(@"a\u001b]0;title\u0007b", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_keeps_its_place_among_the_partitions_so_that_the_old_row_is_merged_away()
    {
        var (_, tenant) = await AppendAsync("experimentRunState");
        foreach (var (run, day) in new[] { ("a1", "2025-02-03"), ("a3", "2025-09-09") })
        {
            await servers.ExecuteAsync($"""
                INSERT INTO experiment_runs (Id, TenantId, RunId, ExperimentId, Version, Targets, CreatedAt, UpdatedAt)
                VALUES ('x', '{tenant.Id}', '{run}', 'x1', '1', '[]', '{day} 01:02:03.456', '{day} 01:02:03')
                """);
        }

        (await ReplayOutcome.RunAsync(servers, Runs, tenant)).ShouldSucceed();

        await servers.ExecuteAsync("OPTIMIZE TABLE experiment_runs FINAL");
        var rows = await servers.QueryAsync(
            $"SELECT RunId, toString(CreatedAt) AS Created, Progress FROM experiment_runs WHERE TenantId = '{tenant.Id}' ORDER BY RunId");
        Assert.Equal(["a1", "a2", "a3", "a4", "a5"], rows.Select(row => row.GetProperty("RunId").GetString()));
        Assert.All(rows, row => Assert.Equal(1, row.GetProperty("Progress").GetInt32()));
        Assert.Equal(
            ("2025-02-03 01:02:03.456", "2025-09-09 01:02:03.456"),
            (rows[0].GetProperty("Created").GetString(), rows[2].GetProperty("Created").GetString()));
        await new StateOracle(servers, Runs, tenant.Id).AssertStoredAsync();
    }

    [Fact]
    public async Task An_aggregate_that_is_folded_again_is_stored_once()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(9).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) return;
                foreach (var id in new[] { "e0000", "e0004", "e0008" })
                {
                    tenant.AddRaw(
                        "evaluation",
                        id,
                        "lw.evaluation.completed",
                        TestTenant.Start.AddHours(1),
                        $$"""{"evaluationId":"{{id}}","status":"error"}""");
                }

                await tenant.AppendAsync();
            },
        });

        Assert.Equal((9, 30), (outcome.ShouldSucceed().Last.AggregatesReplayed, (int)outcome.Last.TotalEvents!));
        Assert.All((await tenant.EvaluationRowCountsAsync()).Values, rows => Assert.Equal(1, rows));
        await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
    }

    [Fact]
    public async Task A_table_that_is_partitioned_by_the_day_takes_a_backfill_over_many_days()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = new TestTenant(servers);
        for (var day = 0; day < 150; day++) tenant.AddEvaluation(TestTenant.EvaluationId(day), TestTenant.Start.AddDays(day - 150));
        await tenant.AppendAsync();
        await database.CopyAsync(tenant);
        var states = database.Table("evaluation_states");
        await servers.ExecuteAsync($"CREATE TABLE {states}_by_day AS {states} ENGINE = ReplacingMergeTree(UpdatedAt) "
            + "PARTITION BY toDate(assumeNotNull(ScheduledAt)) ORDER BY (TenantId, EvaluationId)");
        await servers.ExecuteAsync($"DROP TABLE {states}");
        await servers.ExecuteAsync($"RENAME TABLE {states}_by_day TO {states}");

        var outcome = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, since: TestTenant.Start.AddDays(-151), connections: database.Connections);

        Assert.Equal(150, outcome.ShouldSucceed().Last.AggregatesReplayed);
        var stored = await servers.QueryAsync($"SELECT count() AS rows FROM {states} FINAL WHERE TenantId = '{tenant.Id}'");
        Assert.Equal(150, stored[0].GetProperty("rows").GetInt32());
    }

    private async Task<(IFoldProjection Projection, TestTenant Tenant)> AppendAsync(string name)
    {
        var tenant = new TestTenant(servers);
        for (var i = 1; i <= 5; i++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"a{i}");
            var at = TestTenant.Start.AddMinutes(i);
            switch (name)
            {
                case "evaluationState":
                    tenant.AddEvaluation(id, at);
                    break;
                case "experimentRunState":
                    tenant.AddRaw(
                        "experiment_run",
                        id,
                        "lw.experiment_run.started",
                        at,
                        $$"""{"runId":"{{id}}","experimentId":"x1","total":1,"targets":[{"id":1}]}""");
                    tenant.AddRaw(
                        "experiment_run",
                        id,
                        "lw.experiment_run.target_result",
                        at.AddSeconds(5),
                        $$"""{"runId":"{{id}}","experimentId":"x1","cost":0.5}""");
                    break;
                default:
                    var span = SampleSpan.Of(("langwatch.input", "hello")) with { TraceId = id };
                    tenant.AddRaw("trace", id, "lw.obs.trace.span_received", at, span.ToJson());
                    var child = span.Child() with { TraceId = id };
                    tenant.AddRaw("trace", id, "lw.obs.trace.span_received", at.AddSeconds(5), child.ToJson());
                    break;
            }
        }

        await tenant.AppendAsync();
        IFoldProjection projection = name == "evaluationState" ? Evaluations : name == "experimentRunState" ? Runs : Traces;
        return (projection, tenant);
    }

    /// <summary>The first event of each of some aggregates goes, as a TTL has it.</summary>
    private async Task ExpireAsync(TestTenant tenant, params string[] ids)
    {
        foreach (var id in ids)
        {
            var first = await servers.QueryAsync(
                $"SELECT min(EventTimestamp) AS at FROM event_log WHERE TenantId = '{tenant.Id}' AND AggregateId = '{id}'");
            await servers.ExecuteAsync($"""
                ALTER TABLE event_log DELETE WHERE TenantId = '{tenant.Id}' AND AggregateId = '{id}'
                    AND EventTimestamp = {first[0].GetProperty("at").GetInt64()}
                SETTINGS mutations_sync = 1
                """);
        }
    }

    private async Task<IReadOnlyDictionary<string, string>> RowsAsync(IFoldProjection projection, TestTenant tenant)
    {
        var table = projection.Definition.Table;
        var id = table == "evaluation_states" ? "EvaluationId" : table == "experiment_runs" ? "RunId" : "TraceId";
        var rows = await servers.QueryAsync($"SELECT * FROM {table} FINAL WHERE TenantId = '{tenant.Id}'");
        return rows.ToDictionary(row => row.GetProperty(id).GetString()!, row => row.GetRawText());
    }
}

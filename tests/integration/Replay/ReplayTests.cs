using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>What a replay comes to when nothing goes wrong.</summary>
public sealed class ReplayTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task Replay_stores_one_state_for_each_aggregate_and_leaves_no_marker()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(25).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { AggregateBatchSize = 10 });

        outcome.ShouldSucceed();
        var stored = await tenant.EvaluationsAsync();
        Assert.Equal(25, stored.Count);
        Assert.All(stored.Values, row => Assert.Equal("processed", row.GetProperty("Status").GetString()));
        Assert.All(stored.Values, row => Assert.Equal("2026-01-10 00:00:02.000", row.GetProperty("CompletedAt").GetString()));
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.Empty(await tenant.CompletedAsync("evaluationState"));
        Assert.Equal((25, 75L), (outcome.Last.AggregatesReplayed, outcome.Last.TotalEvents));
    }

    [Fact]
    public async Task Replay_tells_each_step_of_each_batch_in_order()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { AggregateBatchSize = 2 });

        string[] batch = ["mark-batch", "drain-batch", "cutoff-batch", "replay-batch", "unmark-batch"];
        var steps = outcome.ShouldSucceed().Entries.Select(entry => entry.Step).ToList();
        Assert.Equal(["start", "discover"], steps.Take(2));
        Assert.Equal("complete", steps[^1]);
        Assert.Equal(13, steps.Count);
        Assert.Equal(batch, StepsOf(1));
        Assert.Equal(batch, StepsOf(2));
        Assert.Equal([2, 1], outcome.Entries.Where(entry => entry.Step == "cutoff-batch").Select(entry => entry.WithEvents));
        Assert.Equal([6, 3], outcome.Entries.Where(entry => entry.Step == "replay-batch").Select(entry => entry.EventsProcessed));
        Assert.Equal(3, outcome.Entries.Single(entry => entry.Step == "discover").Count);

        IEnumerable<string> StepsOf(int number) => outcome.Entries.Where(entry => entry.Batch == number).Select(entry => entry.Step);
    }

    [Fact]
    public async Task Since_chooses_aggregates_but_each_is_folded_from_its_first_event()
    {
        var tenant = new TestTenant(servers);
        tenant.AddEvaluation("old", TestTenant.Start.AddDays(-30));
        tenant.AddEvaluation("both", TestTenant.Start.AddDays(-30));
        tenant.AddRaw(
            "evaluation",
            "both",
            "lw.evaluation.completed",
            TestTenant.Start,
            """{"evaluationId":"both","status":"error","error":"late"}""");
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, since: TestTenant.Start);

        outcome.ShouldSucceed();
        var row = Assert.Single(await tenant.EvaluationsAsync()).Value;
        Assert.Equal("both", row.GetProperty("EvaluationId").GetString());
        Assert.Equal("error", row.GetProperty("Status").GetString());
        Assert.Equal("2025-12-11 00:00:00.000", row.GetProperty("ScheduledAt").GetString());
        Assert.Equal(4, outcome.Last.TotalEvents);
    }

    [Fact]
    public async Task Since_takes_an_event_at_that_very_moment()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1", TestTenant.Start.AddSeconds(-2)).AppendAsync();

        var inside = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, isDryRun: true, since: TestTenant.Start);
        var outside = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, isDryRun: true, since: TestTenant.Start.AddMilliseconds(1));

        Assert.Equal((1, 0), (inside.Plan!.AggregateCount, outside.Plan!.AggregateCount));
    }

    [Fact]
    public async Task An_event_that_the_log_holds_twice_is_folded_once()
    {
        var tenant = new TestTenant(servers);
        for (var i = 0; i < 2; i++)
        {
            tenant.AddRaw("evaluation", "e1", "lw.evaluation.started", TestTenant.Start,
                """{"evaluationId":"e1","evaluatorId":"x","evaluatorType":"y"}""",
                eventId: $"1768003200000:{tenant.Id}:e1:evaluation:twice");
        }

        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        Assert.Equal(1, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Counters_add_up_over_aggregates_batches_and_days()
    {
        var tenant = new TestTenant(servers).AddEvaluations(25);
        tenant.AddEvaluation("late", TestTenant.Start.AddDays(1));
        tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start, "not even JSON");
        tenant.AddRaw("trace", "t1", "lw.obs.trace.topic_assigned", TestTenant.Start, "{}");
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, new ReplayOptions { AggregateBatchSize = 10 });

        outcome.ShouldSucceed();
        Assert.Equal(new Dictionary<string, int> { ["2026-01-10"] = 26, ["2026-01-11"] = 1 }, await tenant.BillableEventsAsync());
        Assert.Equal(27, outcome.Last.TotalEvents);
    }

    [Fact]
    public async Task Counters_add_to_what_live_events_counted_when_told_to()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await using (var live = servers.Postgres.CreateCommand(
            """INSERT INTO "TenantDailyBillableEvents" (id, "tenantId", date, count, "lastEventTimestamp") """
                + "VALUES ($1, $2, '2026-01-10', 7, 9999999999999)"))
        {
            live.Parameters.AddWithValue($"{tenant.Id}:2026-01-10");
            live.Parameters.AddWithValue(tenant.Id);
            await live.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, allowsLoss: true)).ShouldSucceed();

        Assert.Equal(10, (await tenant.BillableEventsAsync())["2026-01-10"]);
        await using var command = servers.Postgres.CreateCommand(
            """SELECT "lastEventTimestamp" FROM "TenantDailyBillableEvents" WHERE "tenantId" = $1""");
        command.Parameters.AddWithValue(tenant.Id);
        Assert.Equal(9999999999999, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Aggregates_between_the_wanted_ones_are_left_alone()
    {
        var tenant = new TestTenant(servers);
        foreach (var id in (string[])["a", "c", "e"]) tenant.AddEvaluation(id);
        foreach (var id in (string[])["b", "d"]) tenant.AddEvaluation(id, TestTenant.Start.AddDays(-60));
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        outcome.ShouldSucceed();
        Assert.Equal(["a", "c", "e"], (await tenant.EvaluationsAsync()).Keys.Order());
        Assert.Equal(9, outcome.Last.TotalEvents);
    }

    [Fact]
    public async Task A_tenant_without_events_is_replayed_in_no_time()
    {
        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, new TestTenant(servers));

        Assert.Equal(["start", "discover", "complete"], outcome.ShouldSucceed().Entries.Select(entry => entry.Step));
    }

    [Fact]
    public async Task Replaying_again_gives_the_same_states()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        var first = await tenant.EvaluationsAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        var second = await tenant.EvaluationsAsync();
        Assert.Equal(first.Keys.Order(), second.Keys.Order());
        Assert.All(first, row => Assert.Equal(Lasting(row.Value), Lasting(second[row.Key])));

        static Dictionary<string, string> Lasting(JsonElement row) => row.EnumerateObject()
            .Where(column => column.Name is not ("CreatedAt" or "UpdatedAt"))
            .ToDictionary(column => column.Name, column => column.Value.ToString());
    }

    [Fact]
    public async Task A_large_batch_is_read_in_several_streams_and_gives_the_same_states()
    {
        var tenant = new TestTenant(servers);
        await servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', EventId, 'evaluation', leftPad(toString(intDiv(number, 400)), 6, '0') AS Aggregate,
                concat(toString(Timestamp), ':{{tenant.Id}}:', Aggregate, ':evaluation:', toString(number)) AS EventId,
                'lw.evaluation.completed', '1', 1768000000000 + number AS Timestamp,
                concat('{"evaluationId":"', Aggregate, '","status":"processed","score":', toString(number), '}')
            FROM numbers(200000)
            """);

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { Concurrency = 4, BatchSize = 1000 });

        outcome.ShouldSucceed();
        Assert.Equal(200_000, outcome.Last.TotalEvents);
        var stored = await tenant.EvaluationsAsync();
        Assert.Equal(500, stored.Count);
        Assert.All(
            stored,
            row => Assert.Equal(
                (int.Parse(row.Key, CultureInfo.InvariantCulture) * 400) + 399, row.Value.GetProperty("Score").GetDouble()));
    }

    [Fact]
    public async Task Dry_run_counts_the_whole_history_and_writes_nothing()
    {
        var tenant = new TestTenant(servers).AddEvaluations(12);
        tenant.AddEvaluation("e0000", TestTenant.Start.AddDays(-50));
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, new ReplayOptions { AggregateBatchSize = 5 }, isDryRun: true, since: TestTenant.Start);

        Assert.Null(outcome.Exception);
        Assert.Equal((12, 39L, 3), (outcome.Plan!.AggregateCount, outcome.Plan.EventCount, outcome.Plan.BatchCount));
        Assert.Empty(outcome.Entries);
        Assert.Empty(await tenant.EvaluationsAsync());
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    [Fact]
    public async Task Progress_ends_at_the_last_batch_with_every_event()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var progress = (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { AggregateBatchSize = 3 }))
            .ShouldSucceed().Progress!;

        Assert.Equal(
            (2, 2, ReplayPhase.Unmark, 4, 4),
            (progress.Batch, progress.BatchCount, progress.Phase, progress.AggregatesReplayed, progress.AggregateCount));
        Assert.Equal((12, 3, 3), (progress.EventsProcessed, progress.BatchEventsProcessed, progress.BatchEventCount));
    }
}

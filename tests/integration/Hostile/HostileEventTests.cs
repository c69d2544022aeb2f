using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Events that no sane producer sends are folded right or refused by name.</summary>
public sealed class HostileEventTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Completed = "lw.evaluation.completed";

    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task Events_of_one_moment_are_folded_in_the_order_of_their_ids()
    {
        var tenant = new TestTenant(servers);
        foreach (var (id, score) in (ValueTuple<string, int>[])[("c", 3), ("a", 1), ("b", 2)])
            AddCompleted(tenant, "e1", score, $"1768003200000:{id}");
        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal(3, Assert.Single(await tenant.EvaluationsAsync()).Value.GetProperty("Score").GetDouble());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5_000)]
    public async Task An_event_that_stands_thousands_of_times_over_many_pages_is_counted_once(int pageSize)
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        await servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', 'x', 'evaluation', 'e1', concat('1768003201000:', toString(number % 3)),
                'lw.evaluation.started', '1', 1768003201000, ''
            FROM numbers(9000)
            """);

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, new ReplayOptions { BatchSize = pageSize });

        Assert.Equal(4, outcome.ShouldSucceed().Last.TotalEvents);
        Assert.Equal(4, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task An_empty_payload_is_refused_by_those_who_read_it_and_counted_by_those_who_do_not()
    {
        var tenant = new TestTenant(servers);
        var bad = tenant.AddRaw("evaluation", "e1", "lw.evaluation.started", TestTenant.Start, "");
        await tenant.AppendAsync();

        var refused = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        refused.ShouldFailWith(ReplayError.InvalidEventPayload);
        Assert.Contains(bad, refused.Exception!.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Occurred_at_zero_means_the_timestamp()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal("2026-01-10 00:00:01.000", Assert.Single(await tenant.EvaluationsAsync()).Value.GetProperty("StartedAt").GetString());
    }

    [Fact]
    public async Task A_payload_of_fifty_megabytes_is_folded()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AddEvaluation("e3").AppendAsync();
        await InsertAsync(
            tenant,
            "e2",
            "'1768003205000:x'",
            "concat('{\"evaluationId\":\"e2\",\"status\":\"processed\",\"score\":7,\"unread\":\"', "
                + "repeat(repeat('x', 50000), 1000), '\"}')");

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        var stored = await tenant.EvaluationsAsync();
        Assert.Equal(["e1", "e2", "e3"], stored.Keys.Order());
        Assert.Equal(7, stored["e2"].GetProperty("Score").GetDouble());
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task An_event_id_of_a_hundred_kilobytes_is_as_good_as_any(string projection)
    {
        var tenant = new TestTenant(servers).AddEvaluation("e1");
        tenant.AddRaw(
            "evaluation",
            "e1",
            "lw.evaluation.started",
            TestTenant.Start.AddHours(1),
            """{"evaluationId":"e1","evaluatorId":"x","evaluatorType":"x"}""",
            "1768006800000:" + string.Concat(Enumerable.Range(0, 33_333).Select(i => (char)('\u4E00' + (i % 20_000)))));
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Of(projection), tenant);

        Assert.Equal(projection == "evaluationState" ? 4 : 2, outcome.ShouldSucceed().Last.TotalEvents);
        Assert.Empty(await tenant.MarkersAsync(projection));
    }

    [Fact]
    public async Task An_aggregate_with_a_hundred_thousand_events_is_folded_to_its_last()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e0").AddEvaluation("e2").AppendAsync();
        await servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', 'x', 'evaluation', 'e1', concat(toString(1768003200000 + number), ':x'),
                'lw.evaluation.completed', '1', 1768003200000 + number,
                concat('{"evaluationId":"e1","status":"processed","score":', toString(number), '}')
            FROM numbers(100000)
            """);

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        Assert.Equal(100_006, outcome.ShouldSucceed().Last.TotalEvents);
        Assert.Equal(99_999, (await tenant.EvaluationsAsync())["e1"].GetProperty("Score").GetDouble());
    }

    [Fact]
    public async Task Events_of_other_types_and_of_other_aggregate_types_are_no_business_of_the_projection()
    {
        var tenant = new TestTenant(servers).AddEvaluation("e1");
        tenant.AddRaw("evaluation", "e1", "lw.evaluation.renamed", TestTenant.Start.AddHours(1), "no JSON");
        tenant.AddRaw("evaluation", "only", "LW.Evaluation.Started", TestTenant.Start, "no JSON");
        tenant.AddRaw("trace", "e1", "lw.evaluation.started", TestTenant.Start, "no JSON");
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        Assert.Equal((1, 3L), (outcome.ShouldSucceed().Last.AggregatesReplayed, outcome.Last.TotalEvents));
        Assert.Single(await tenant.EvaluationsAsync());
    }

    [Theory]
    [InlineData("unhex('7B226576616C756174696F6E4964223A226532FF227D')")]
    [InlineData("concat('{\"evaluationId\":', repeat('[', 100000))")]
    [InlineData("concat(repeat('{\"a\":', 100000), '1', repeat('}', 100000))")]
    [InlineData("concat('{\"evaluationId\":\"e2\"}', unhex('00'))")]
    [InlineData("'{\"evaluationId\":\"e2\",\"status\":{}}'")]
    [InlineData("'null'")]
    [InlineData("'{\"status\":\"processed\",'")]
    public async Task A_payload_that_makes_no_sense_is_refused_by_the_name_of_its_event(string payload)
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        await InsertAsync(tenant, "e2", "'1768003205000:bad'", payload);

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        outcome.ShouldFailWith(ReplayError.InvalidEventPayload);
        Assert.Contains("1768003205000:bad", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.EvaluationsAsync());
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    [Theory]
    [InlineData("""a\ud800b""", "a\uFFFDb")]
    [InlineData("""a\u0000b""", "a\0b")]
    [InlineData("""\ud83d\ude00""", "\U0001F600")]
    public async Task Odd_characters_in_a_payload_are_stored_as_any_UTF8_writer_would(string escaped, string stored)
    {
        var tenant = new TestTenant(servers);
        tenant.AddRaw(
            "evaluation", "e1", Completed, TestTenant.Start, $$"""{"evaluationId":"e1","status":"processed","label":"{{escaped}}"}""");
        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal(stored, Assert.Single(await tenant.EvaluationsAsync()).Value.GetProperty("Label").GetString());
    }

    [Fact]
    public async Task An_event_id_in_the_middle_that_is_no_UTF8_is_one_event_like_another()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        await InsertAsync(tenant, "e1", "unhex('30FF')", "''", type: "lw.evaluation.started", timestamp: 1768003200500);
        await InsertAsync(tenant, "e1", "unhex('30FE')", "''", type: "lw.evaluation.started", timestamp: 1768003200500);

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        Assert.Equal(3, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    private Task InsertAsync(
        TestTenant tenant, string aggregateId, string eventId, string payload, string type = Completed, long timestamp = 1768003205000) =>
        servers.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', 'x', 'evaluation', '{{aggregateId}}', {{eventId}}, '{{type}}', '1', {{timestamp}}, {{payload}}
            """));

    private static void AddCompleted(TestTenant tenant, string id, int score, string eventId) => tenant.AddRaw(
        "evaluation",
        id,
        Completed,
        TestTenant.Start,
        string.Create(CultureInfo.InvariantCulture, $$"""{"evaluationId":"{{id}}","status":"processed","score":{{score}}}"""),
        eventId);

    private static IFoldProjection Of(string name) => name == "evaluationState" ? Evaluations : BillableEvents;
}

using ProjectionReplay.Faults;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>Logs of an awkward shape are replayed as any other. How fast is the benchmark's business.</summary>
[Trait("Set", "Nightly")]
public sealed class SkewTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task One_aggregate_may_be_larger_than_a_batch_and_stand_among_many_small_ones()
    {
        var tenant = new TestTenant(servers);
        await AppendAsync(
            tenant,
            "if(number < 3000, leftPad(toString(intDiv(number, 3)), 6, '0'), '000500x')",
            "'evaluation'",
            "'lw.evaluation.completed'",
            203_000);

        var outcome = (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal((1_001, 203_000), (outcome.Last.AggregatesReplayed, outcome.Last.TotalEvents));
        Assert.True(outcome.Plan!.BatchCount > 1, "The large aggregate should have filled a batch.");
        var stored = await tenant.EvaluationsAsync();
        Assert.Equal(1_001, stored.Count);
        Assert.Equal(202_999, stored["000500x"].GetProperty("Score").GetDouble());
        Assert.Equal(2_999, stored["000999"].GetProperty("Score").GetDouble());
    }

    [Fact]
    public async Task Of_three_hundred_event_types_only_the_wanted_ones_are_read()
    {
        var tenant = new TestTenant(servers);
        await AppendAsync(
            tenant,
            "leftPad(toString(intDiv(number, 300)), 6, '0')",
            "'evaluation'",
            "if(number % 300 = 150, 'lw.evaluation.completed', concat('other.type.', toString(number % 300)))",
            30_000);

        var outcome = (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal((100, 100), (outcome.Last.AggregatesReplayed, outcome.Last.TotalEvents));
        Assert.Equal(29_850, (await tenant.EvaluationsAsync())["000099"].GetProperty("Score").GetDouble());
    }

    [Fact]
    public async Task Many_small_tenants_are_replayed_one_by_one()
    {
        var tenants = Enumerable.Range(0, TestExtent.IsFull ? 50 : 10).Select(_ => new TestTenant(servers).AddEvaluations(3)).ToList();
        foreach (var tenant in tenants) await tenant.AppendAsync();

        foreach (var tenant in tenants) (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        foreach (var tenant in tenants) Assert.Equal(3, (await tenant.EvaluationsAsync()).Count);
    }

    /// <summary>
    /// Each aggregate type is a stream of its own. Anything that held a thread while it waits for another would stop
    /// for good here.
    /// </summary>
    [Fact]
    public async Task Sixty_four_streams_at_once_get_by_with_two_threads()
    {
        var tenant = new TestTenant(servers);
        await AppendAsync(
            tenant, "leftPad(toString(number), 6, '0')", "concat('type', toString(number % 64))", "'lw.evaluation.started'", 12_800);

        await ChildReplay.RunOnThreadsAsync(servers, threads: 2, concurrency: 64, BillableEvents.Definition.Name, tenant.Id);

        Assert.Equal(12_800, (await tenant.BillableEventsAsync()).Values.Sum());
        Assert.Empty(await tenant.MarkersAsync(BillableEvents.Definition.Name));
    }

    /// <summary>Appends events; all but the number of them are SQL expressions of <c>number</c>.</summary>
    private Task AppendAsync(TestTenant tenant, string aggregateId, string aggregateType, string eventType, int count) =>
        servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', EventId, {{aggregateType}} AS Type, {{aggregateId}} AS Aggregate,
                concat(toString(Timestamp), ':{{tenant.Id}}:', Aggregate, ':', Type, ':', toString(number)) AS EventId,
                {{eventType}}, '1', 1768000000000 + number AS Timestamp,
                concat('{"evaluationId":"', Aggregate, '","status":"processed","score":', toString(number), '}')
            FROM numbers({{count}})
            """);
}

using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Bytes in the event log that are no text for one of the servers: refused with a reason, never changed in silence.</summary>
public sealed class UnstorableNameTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task A_NUL_in_an_aggregate_id_is_named_by_counters_and_nothing_of_the_batch_is_counted()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AddEvaluation("e2\0x").AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant);

        outcome.ShouldFailWith(ReplayError.StateNotStorable);
        Assert.Contains(@"e2\0x", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.BillableEventsAsync());
        Assert.Empty(await tenant.MarkersAsync("tenantDailyBillableEvents"));
    }

    [Fact]
    public async Task A_NUL_in_an_aggregate_id_is_nothing_special_to_the_latest_row()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AddEvaluation("e2\0x").AppendAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();

        Assert.Equal(["e1", "e2\0x"], (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task Bytes_that_are_no_UTF8_in_an_aggregate_id_are_refused_before_anything_is_marked(string projection)
    {
        var tenant = new TestTenant(servers).AddEvaluation("e1");
        await InsertAsync(await tenant.AppendAsync(), aggregateId: "unhex('6532FF')", eventId: "'1768003200000:x'");

        var outcome = await ReplayOutcome.RunAsync(servers, Of(projection), tenant);

        outcome.ShouldFailWith(ReplayError.EventLogInvalid);
        Assert.Contains("AggregateId", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains("6532FF", outcome.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(outcome.Entries);
        Assert.Empty(await tenant.MarkersAsync(projection));
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task Bytes_that_are_no_UTF8_in_the_last_event_id_are_refused_and_leave_no_marker(string projection)
    {
        var tenant = new TestTenant(servers).AddEvaluation("e1").AddEvaluation("e2");
        await InsertAsync(await tenant.AppendAsync(), aggregateId: "'e2'", eventId: "unhex('39FF')");

        var outcome = await ReplayOutcome.RunAsync(servers, Of(projection), tenant);

        outcome.ShouldFailWith(ReplayError.EventLogInvalid);
        Assert.Contains("EventId", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains("39FF", outcome.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.EvaluationsAsync());
        Assert.Empty(await tenant.BillableEventsAsync());
        Assert.Empty(await tenant.MarkersAsync(projection));
    }

    [Fact]
    public async Task A_tenant_id_that_is_no_UTF8_is_another_tenant()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        await servers.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            VALUES (concat('{{tenant.Id}}', unhex('FF')), 'x', 'evaluation', 'e9', '1768003200000:x',
                'lw.evaluation.started', '1', 1768003200000, '{}')
            """));

        Assert.Equal(1, (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed().Last.AggregatesReplayed);
        var replacement = await ReplayOutcome.RunAsync(servers, BillableEvents, new TestTenant(servers, tenant.Id + "\uFFFD"));
        Assert.Equal(0, replacement.ShouldSucceed().Last.AggregatesReplayed);
    }

    [Theory]
    [InlineData(0xD800)]
    [InlineData(0xDC00)]
    [InlineData(0)]
    public async Task A_tenant_that_no_server_can_hold_is_refused(int character)
    {
        var tenant = new TestTenant(servers, $"{Guid.NewGuid():N}{(char)character}x");

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldFailWith(ReplayError.OptionInvalid);
    }

    private Task InsertAsync(TestTenant tenant, string aggregateId, string eventId) => servers.ExecuteAsync($$"""
        INSERT INTO event_log
            (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
        VALUES ('{{tenant.Id}}', 'x', 'evaluation', {{aggregateId}}, {{eventId}}, 'lw.evaluation.started', '1', 1768089600000,
            '{"evaluationId":"e2","evaluatorId":"x","evaluatorType":"x"}')
        """);

    private static IFoldProjection Of(string name) => name == "evaluationState" ? Evaluations : BillableEvents;
}

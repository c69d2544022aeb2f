using System.Text.Json.Nodes;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using Xunit.Sdk;

namespace ProjectionReplay.Servers;

/// <summary>The oracle sees what other tests rely on it to see.</summary>
public sealed class StateOracleTests(TestServers servers) : IClassFixture<TestServers>
{
    [Fact]
    public async Task It_agrees_with_a_replay_and_names_the_field_that_a_late_event_would_have_changed()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var oracle = new StateOracle(servers, new EvaluationStateProjection(), tenant.Id);
        (await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant)).ShouldSucceed();
        await oracle.AssertStoredAsync();
        await oracle.AssertNothingLeftAsync();

        tenant.Add(
            "evaluation",
            "e0001",
            "lw.evaluation.completed",
            TestTenant.Start.AddHours(1),
            new JsonObject { ["evaluationId"] = "e0001", ["status"] = "error" });
        await tenant.AppendAsync();

        var failure = await Assert.ThrowsAnyAsync<XunitException>(() => oracle.AssertStoredAsync("after a late event"));
        Assert.Contains("'e0001': Status should be \"error\" but is \"processed\".", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_names_the_counter_that_is_off_by_one()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        IFoldProjection projection = TenantDailyBillableEventsProjection.ForTenants();
        var oracle = new StateOracle(servers, projection, tenant.Id);
        (await ReplayOutcome.RunAsync(servers, projection, tenant)).ShouldSucceed();
        await oracle.AssertStoredAsync();

        await using var command = servers.Postgres.CreateCommand(
            """UPDATE "TenantDailyBillableEvents" SET count = count + 1 WHERE "tenantId" = $1""");
        command.Parameters.AddWithValue(tenant.Id);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var failure = await Assert.ThrowsAnyAsync<XunitException>(() => oracle.AssertStoredAsync());
        Assert.Contains($"'{tenant.Id}:2026-01-10': count should be 3 but is 4.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_sees_what_is_left_in_Redis()
    {
        var tenant = new TestTenant(servers);
        var oracle = new StateOracle(servers, new EvaluationStateProjection(), tenant.Id);
        await servers.Redis.HashSetAsync("projection-replay:cutoff:evaluationState", tenant.AggregateKey("e1"), "pending");

        var failure = await Assert.ThrowsAnyAsync<XunitException>(() => oracle.AssertNothingLeftAsync());

        Assert.Contains(tenant.AggregateKey("e1"), failure.Message, StringComparison.Ordinal);
        await servers.Redis.HashDeleteAsync("projection-replay:cutoff:evaluationState", tenant.AggregateKey("e1"));
        await oracle.AssertNothingLeftAsync();
    }
}

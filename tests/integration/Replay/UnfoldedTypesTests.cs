using System.Text.Json.Nodes;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>A dry run says what the log has that the projection never folds.</summary>
public sealed class UnfoldedTypesTests(TestServers servers) : IClassFixture<TestServers>
{
    [Fact]
    public async Task Types_that_are_never_folded_are_named_and_nothing_else()
    {
        var tenant = new TestTenant(servers).AddEvaluations(2);
        AddType(tenant, "e0000", "lw.evaluation.reported");
        AddType(tenant, "e0001", "lw.evaluation.\u001b[2J");
        tenant.Add("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start, new JsonObject());
        await tenant.AppendAsync();

        var outcome = await PlanAsync(tenant);

        Assert.Equal(
            [$@"Projection 'evaluationState' never folds these event types, which tenant '{tenant.Id}' has for aggregate type "
                + @"'evaluation': 'lw.evaluation.\u001b[2J', 'lw.evaluation.reported'."],
            outcome.Notes);
    }

    [Fact]
    public async Task A_projection_whose_types_the_log_does_not_have_is_told_of_what_there_is()
    {
        var tenant = new TestTenant(servers);
        AddType(tenant, "e1", "lw.evaluation.Completed");
        await tenant.AppendAsync();

        var outcome = await PlanAsync(tenant);

        Assert.Equal(0, outcome.Plan!.AggregateCount);
        Assert.Contains("'lw.evaluation.Completed'", Assert.Single(outcome.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fifty_are_named_at_the_most()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        for (var i = 0; i < 51; i++) AddType(tenant, "e0000", $"other.{i:00}");
        await tenant.AppendAsync();

        var note = Assert.Single((await PlanAsync(tenant)).Notes);

        Assert.EndsWith("'other.48', 'other.49' and more.", note, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chosen_aggregates_are_asked_about_alone()
    {
        var tenant = new TestTenant(servers).AddEvaluations(2);
        AddType(tenant, "e0000", "other");
        await tenant.AppendAsync();

        Assert.Single((await PlanAsync(tenant, "e0000")).Notes);
        Assert.Empty((await PlanAsync(tenant, "e0001")).Notes);
    }

    [Fact]
    public async Task Nothing_is_said_where_all_are_folded_or_any_type_is_taken_nor_in_a_run()
    {
        var whole = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var partly = new TestTenant(servers).AddEvaluations(1);
        AddType(partly, "e0000", "other");
        await partly.AppendAsync();

        Assert.Empty((await PlanAsync(whole)).Notes);
        Assert.Empty((await ReplayOutcome.RunAsync(
            servers, TenantDailyBillableEventsProjection.ForTenants(), partly, isDryRun: true)).Notes);
        Assert.Empty((await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), partly)).ShouldSucceed().Notes);
    }

    private static void AddType(TestTenant tenant, string aggregateId, string eventType) =>
        tenant.Add("evaluation", aggregateId, eventType, TestTenant.Start, new JsonObject());

    private async Task<ReplayOutcome> PlanAsync(TestTenant tenant, params string[] aggregateIds)
    {
        var outcome = await ReplayOutcome.RunAsync(
            servers,
            new EvaluationStateProjection(),
            tenant,
            isDryRun: true,
            aggregateIds: aggregateIds.Length == 0 ? null : aggregateIds);
        Assert.Null(outcome.Exception);
        return outcome;
    }
}

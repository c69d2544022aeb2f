using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Stores;

/// <summary>Counters that live events already fed are built anew, exactly.</summary>
public sealed class RebuildTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "tenantDailyBillableEvents";

    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task Whatever_the_counters_held_they_hold_each_event_once_afterwards()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(9).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await CountAsync(tenant, "2026-01-10", 5);
        await CountAsync(tenant, "2020-05-05", 3);
        await tenant.AddEvaluation("later", TestTenant.Start.AddDays(1)).AppendAsync();

        var outcome = await RebuildAsync(tenant);

        Assert.Equal(10, outcome.ShouldSucceed().Last.AggregatesReplayed);
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();
    }

    [Fact]
    public async Task All_aggregates_are_marked_before_the_old_rows_go_and_other_tenants_keep_theirs()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();
        var neighbour = await new TestTenant(servers, tenant.Id + "2").AddEvaluations(2).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, neighbour)).ShouldSucceed();
        int? marked = null;

        (await RebuildAsync(tenant, async (boundary, _) =>
        {
            if (boundary == new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) marked = (await tenant.MarkersAsync(Projection)).Count;
        })).ShouldSucceed();

        Assert.Equal(6, marked);
        Assert.Equal(2, (await neighbour.BillableEventsAsync())["2026-01-10"]);
        Assert.Equal(0, (await ReplayOutcome.RunAsync(servers, BillableEvents, neighbour)).ShouldSucceed().Last.AggregatesReplayed);
    }

    [Fact]
    public async Task An_interrupted_rebuild_leaves_no_marker_and_can_only_be_rebuilt_again()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(9).AppendAsync();
        (await RebuildAsync(tenant, (boundary, _) => boundary == new ReplayBoundary(2, ReplayPhase.Store, IsBefore: false)
            ? throw new InvalidOperationException("The test fails the run here.")
            : ValueTask.CompletedTask)).ShouldFailWith(ReplayError.ReplayFailed);
        Assert.Empty(await tenant.MarkersAsync(Projection));

        foreach (var action in (PreviousRunAction[])[PreviousRunAction.Resume, PreviousRunAction.Restart])
        {
            (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, previousRun: action))
                .ShouldFailWith(ReplayError.RebuildInterrupted);
        }

        (await RebuildAsync(tenant)).ShouldSucceed();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();
        Assert.Equal(0, (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed().Last.AggregatesReplayed);
    }

    [Fact]
    public async Task A_rebuild_must_begin_at_the_first_event()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, since: TestTenant.Start.AddSeconds(2), isRebuild: true);

        outcome.ShouldFailWith(ReplayError.RebuildNotPossible);
        Assert.Contains("-Since 2026-01-10", outcome.Exception!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task States_of_which_the_latest_row_wins_need_no_rebuild()
    {
        IFoldProjection evaluations = new EvaluationStateProjection();

        var outcome = await ReplayOutcome.RunAsync(servers, evaluations, new TestTenant(servers), isRebuild: true);

        outcome.ShouldFailWith(ReplayError.RebuildNotPossible);
    }

    private Task<ReplayOutcome> RebuildAsync(TestTenant tenant, Func<ReplayBoundary, CancellationToken, ValueTask>? probe = null) =>
        ReplayOutcome.RunAsync(
            servers, BillableEvents, tenant, new ReplayOptions { AggregateBatchSize = 3, Probe = probe }, isRebuild: true);

    private async Task CountAsync(TestTenant tenant, string date, int count)
    {
        await using var command = servers.Postgres.CreateCommand("""
            INSERT INTO "TenantDailyBillableEvents" AS stored (id, "tenantId", date, count, "lastEventTimestamp") VALUES ($1, $2, $3, $4, 1)
            ON CONFLICT (id) DO UPDATE SET count = stored.count + excluded.count
            """);
        command.Parameters.AddWithValue($"{tenant.Id}:{date}");
        command.Parameters.AddWithValue(tenant.Id);
        command.Parameters.AddWithValue(date);
        command.Parameters.AddWithValue(count);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}

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
        await CountAsync(tenant, "2026-05-05", 3);
        await tenant.AddEvaluation("later", TestTenant.Start.AddDays(1)).AppendAsync();

        var outcome = await RebuildAsync(tenant);

        Assert.Equal(10, outcome.ShouldSucceed().Last.AggregatesReplayed);
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();
    }

    [Theory]
    [InlineData("TenantId = '{0}'", false)]
    [InlineData("TenantId = '{0}' AND EventTimestamp < 1768089600000", false)]
    [InlineData("TenantId = '{0}' AND AggregateId = 'e0003'", true)]
    public async Task Counters_that_the_log_cannot_give_back_are_kept_unless_they_may_be_lost(string gone, bool expires)
    {
        var tenant = new TestTenant(servers).AddEvaluations(5);
        tenant.AddEvaluation("later", TestTenant.Start.AddDays(2));
        await tenant.AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        var before = await tenant.BillableEventsAsync();
        if (expires) await servers.ExecuteAsync("ALTER TABLE event_log MODIFY TTL toDateTime(CreatedAt) + INTERVAL 9 YEAR");
        try
        {
            var rows = gone.Replace("{0}", tenant.Id, StringComparison.Ordinal);
            await servers.ExecuteAsync($"ALTER TABLE event_log DELETE WHERE {rows} SETTINGS mutations_sync = 1");

            var refused = await RebuildAsync(tenant);

            refused.ShouldFailWith(ReplayError.RebuildNotPossible);
            Assert.Contains("2 rows that count 6 events", refused.Exception!.Message, StringComparison.Ordinal);
            Assert.Equal(before, await tenant.BillableEventsAsync());
            Assert.Empty(await tenant.MarkersAsync(Projection));

            (await RebuildAsync(tenant, allowsLoss: true)).ShouldSucceed();
            await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        }
        finally
        {
            if (expires) await servers.ExecuteAsync("ALTER TABLE event_log REMOVE TTL");
        }
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

    private Task<ReplayOutcome> RebuildAsync(
        TestTenant tenant, Func<ReplayBoundary, CancellationToken, ValueTask>? probe = null, bool allowsLoss = false) =>
        ReplayOutcome.RunAsync(
            servers,
            BillableEvents,
            tenant,
            new ReplayOptions { AggregateBatchSize = 3, Probe = probe },
            isRebuild: true,
            allowsLoss: allowsLoss);

    private async Task CountAsync(TestTenant tenant, string date, int count)
    {
        await using var command = servers.Postgres.CreateCommand("""
            INSERT INTO "TenantDailyBillableEvents" AS stored (id, "tenantId", date, count, "lastEventTimestamp") VALUES ($1, $2, $3, $4, 0)
            ON CONFLICT (id) DO UPDATE SET count = stored.count + excluded.count
            """);
        command.Parameters.AddWithValue($"{tenant.Id}:{date}");
        command.Parameters.AddWithValue(tenant.Id);
        command.Parameters.AddWithValue(date);
        command.Parameters.AddWithValue(count);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}

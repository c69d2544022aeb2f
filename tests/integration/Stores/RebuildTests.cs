using Npgsql;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
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
    [InlineData("TenantId = '{0}' AND AggregateId = 'e0003'", false)]
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Counters_that_live_handlers_feed_are_not_added_to_unasked(bool wasReplayed)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();
        if (wasReplayed) (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await CountAsync(tenant, "2026-01-10", 2);
        var before = await tenant.BillableEventsAsync();

        var refused = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant);

        refused.ShouldFailWith(ReplayError.CountersUnexplained);
        Assert.Contains(
            wasReplayed ? "hold 6 events, and earlier replays have added 4" : "hold 2 events, and earlier replays have added 0",
            refused.Exception!.Message,
            StringComparison.Ordinal);
        Assert.Equal(before, await tenant.BillableEventsAsync());
        Assert.Empty(await tenant.MarkersAsync(Projection));

        var forced = (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, allowsLoss: true)).ShouldSucceed();

        Assert.Contains(forced.Warnings, warning => warning.Contains("hold 2 events beside", StringComparison.Ordinal));
        Assert.Equal(6, (await tenant.BillableEventsAsync())["2026-01-10"]);
        (await RebuildAsync(tenant)).ShouldSucceed();
        Assert.Equal(4, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Counters_that_somebody_removed_are_not_left_out_unasked()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await using var remove = servers.Postgres.CreateCommand("""DELETE FROM "TenantDailyBillableEvents" WHERE "tenantId" = $1""");
        remove.Parameters.AddWithValue(tenant.Id);
        await remove.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var refused = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant);

        refused.ShouldFailWith(ReplayError.RowsMissing);
        Assert.Contains("hold 0 events, though earlier replays have added 4", refused.Exception!.Message, StringComparison.Ordinal);
        (await RebuildAsync(tenant)).ShouldSucceed();
        Assert.Equal(4, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    /// <summary>The marker of an aggregate whose counts were stored outlived its run, and live handlers skipped by it.</summary>
    [Theory]
    [InlineData(PreviousRunAction.Resume, true)]
    [InlineData(PreviousRunAction.Restart, true)]
    [InlineData(PreviousRunAction.Resume, false)]
    public async Task What_live_handlers_skipped_after_a_crash_between_store_and_unmark_is_counted(PreviousRunAction action, bool hasCutoff)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        var late = tenant.Add("evaluation", "e0002", "lw.evaluation.started", TestTenant.Start.AddMilliseconds(1), payload: null);
        await tenant.AppendAsync();
        var cutoff = string.Concat(TestTenant.Start.AddSeconds(2).ToUnixTimeMilliseconds().ToString("D13", null), late.AsSpan(13));
        await servers.Redis.HashSetAsync(
            $"projection-replay:cutoff:{Projection}", tenant.AggregateKey("e0002"), hasCutoff ? cutoff : "pending");

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, previousRun: action)).ShouldSucceed();

        await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();
    }

    /// <summary>Live handlers count an aggregate that nobody has marked, before or after the counters were read.</summary>
    [Theory]
    [InlineData("BeforeBaseline")]
    [InlineData("AfterBaseline")]
    public async Task An_aggregate_that_is_born_while_the_counters_are_emptied_is_counted_once(string moment)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        var births = 0;

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            BillableEvents,
            tenant,
            new ReplayOptions
            {
                Pause = async (_, at, _) =>
                {
                    if (at.ToString() != moment || births == 3) return;
                    births++;
                    await tenant.AddEvaluation($"born{births}", TestTenant.Start.AddDays(births % 2)).AppendAsync();
                    await CountAsync(tenant, births % 2 == 0 ? "2026-01-10" : "2026-01-11", 1);
                },
            },
            isRebuild: true);

        outcome.ShouldSucceed();
        Assert.Equal(3, births);
        Assert.Contains(outcome.Verbose, text => text.Contains("Look 3", StringComparison.Ordinal));
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();
    }

    [Fact]
    public async Task A_tenant_that_never_pauses_is_given_up_with_nothing_deleted()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        var births = 0;

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            BillableEvents,
            tenant,
            new ReplayOptions
            {
                DrainTimeout = TimeSpan.FromMilliseconds(100),
                Pause = (_, at, _) => at == DelicateMoment.AfterBaseline
                    ? new ValueTask(tenant.AddEvaluation($"born{births++}").AppendAsync())
                    : ValueTask.CompletedTask,
            },
            isRebuild: true);

        outcome.ShouldFailWith(ReplayError.RebuildNotPossible);
        Assert.Contains("too busy", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Equal(5, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
    }

    [Fact]
    public async Task Rows_that_somebody_keeps_locked_stop_a_rebuild_with_a_word_about_who_and_no_untrue_record()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await using var connection = await servers.Postgres.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var hold = new NpgsqlCommand(
            """UPDATE "TenantDailyBillableEvents" SET count = count + 0 WHERE "tenantId" = $1""", connection, transaction);
        hold.Parameters.AddWithValue(tenant.Id);
        await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, isRebuild: true, timeProvider: new HastyTime());

        outcome.ShouldFailWith(ReplayError.PostgresUnavailable);
        Assert.Contains(
            $"locked, most likely by Postgres process {connection.ProcessID}", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
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

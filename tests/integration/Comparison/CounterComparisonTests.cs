using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Replay;
using ProjectionReplay.Sandbox.Seeding;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>What a comparison finds in counter tables.</summary>
public sealed class CounterComparisonTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Fact]
    public async Task It_says_missing_before_a_replay_and_nothing_after_it_whichever_the_table()
    {
        var tenant = new TestTenant(servers);
        using (var seeder = new EventSeeder(servers.ClickHouseUrl))
        {
            await seeder.SeedAsync(new SeedOptions { Events = 600, Tenants = [tenant.Id], Days = 5, DuplicateEvery = 11 });
        }

        foreach (var projection in (IFoldProjection[])
            [
                BillableEvents,
                TenantDailyBillableEventsProjection.ForProjects(),
                TenantDailyEventStatsProjection.ForTenants(),
                TenantDailyEventStatsProjection.ForProjects(),
            ])
        {
            var before = (await CompareAsync(tenant, projection)).ShouldSucceed();
            (await ReplayOutcome.RunAsync(servers, projection, tenant, since: DateTimeOffset.UnixEpoch)).ShouldSucceed();
            var after = (await CompareAsync(tenant, projection)).ShouldSucceed();

            Assert.NotEmpty(before.Differences);
            Assert.All(
                before.Differences,
                difference => Assert.Equal(
                    (DifferenceKind.Missing, "count", null, ""),
                    (difference.Kind, difference.Field, difference.Actual, difference.AggregateId)));
            Assert.Empty(after.Lines);
            Assert.Empty(after.Warnings);
        }
    }

    [Theory]
    [InlineData("count = count + 1", "Different {0}:2026-01-10 count 3 4")]
    [InlineData(
        "\"lastEventTimestamp\" = \"lastEventTimestamp\" - 1", "Different {0}:2026-01-10 lastEventTimestamp 1768003201000 1768003200999")]
    [InlineData("\"lastEventTimestamp\" = NULL", "Different {0}:2026-01-10 lastEventTimestamp 1768003201000 null")]
    [InlineData("date = '2026-01-11'", "Different {0}:2026-01-10 date 2026-01-10 2026-01-11")]
    [InlineData("id = id || 'x'", "Missing {0}:2026-01-10 count 3 null|Extra {0}:2026-01-10x count null 3")]
    [InlineData("\"updatedAt\" = '2020-01-01'", "")]
    public async Task A_changed_counter_is_told(string change, string lines)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var neighbour = await new TestTenant(servers, tenant.Id + "2").AddEvaluations(2).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, neighbour)).ShouldSucceed();

        await ExecuteAsync($"""UPDATE "TenantDailyBillableEvents" SET {change} WHERE "tenantId" = $1""", tenant.Id);

        var outcome = (await CompareAsync(tenant)).ShouldSucceed();
        Assert.Equal(
            lines.Replace("{0}", tenant.Id, StringComparison.Ordinal).Split('|', StringSplitOptions.RemoveEmptyEntries), outcome.Lines);
        Assert.Empty((await CompareAsync(neighbour)).ShouldSucceed().Lines);
    }

    [Fact]
    public async Task Many_batches_add_up()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(25).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        var outcome = await CompareAsync(tenant, with: request => request with { Options = new ReplayOptions { AggregateBatchSize = 2 } });

        Assert.Empty(outcome.ShouldSucceed().Lines);
        Assert.Equal((25, 25L), (outcome.Progress!.AggregatesReplayed, outcome.Progress.EventsProcessed));
    }

    [Fact]
    public async Task A_part_of_the_aggregates_says_nothing_about_their_sums_and_is_refused()
    {
        var tenant = new TestTenant(servers);

        foreach (var part in (Func<ComparisonRequest, ComparisonRequest>[])
            [
                request => request with { Since = TestTenant.Start },
                request => request with { AggregateIds = ["e1"] },
                request => request with { SampleSize = 5 },
            ])
        {
            var message = (await CompareAsync(tenant, with: part)).ShouldFailWith(ReplayError.ComparisonNotPossible);
            Assert.Contains("Leave out -Since, -AggregateId and -Sample", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_counter_that_moves_once_meanwhile_is_looked_at_again_and_is_no_difference()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        var outcome = await CompareAsync(tenant, with: request => request with
        {
            Pause = async (look, _) =>
            {
                if (look == 1) await LiveEventAsync(tenant, "born", look);
            },
        });

        Assert.Empty(outcome.ShouldSucceed().Lines);
        Assert.Empty(outcome.Warnings);
    }

    [Fact]
    public async Task Counters_that_never_stand_still_are_named_in_a_warning_and_the_others_are_compared()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AddEvaluation("yesterday", TestTenant.Start.AddDays(-1)).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await ExecuteAsync(
            """UPDATE "TenantDailyBillableEvents" SET count = count + 1 WHERE "tenantId" = $1 AND date = '2026-01-09'""", tenant.Id);

        var outcome = await CompareAsync(
            tenant, with: request => request with { Pause = async (look, _) => await LiveEventAsync(tenant, $"born{look}", look) });

        Assert.Equal([$"Different {tenant.Id}:2026-01-09 count 1 2"], outcome.ShouldSucceed().Lines);
        Assert.Contains($"'{tenant.Id}:2026-01-10'", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    private Task<ComparisonOutcome> CompareAsync(
        TestTenant tenant, IFoldProjection? projection = null, Func<ComparisonRequest, ComparisonRequest>? with = null) =>
        ComparisonOutcome.RunAsync(servers, projection ?? BillableEvents, tenant, with);

    /// <summary>An event comes in, and a live handler counts it.</summary>
    private async Task LiveEventAsync(TestTenant tenant, string id, int seconds)
    {
        tenant.AddRaw("evaluation", id, "lw.evaluation.started", TestTenant.Start.AddSeconds(10 + seconds), "{}");
        await tenant.AppendAsync();
        var timestamp = TestTenant.Start.AddSeconds(10 + seconds).ToUnixTimeMilliseconds();
        await ExecuteAsync(
            $"""UPDATE "TenantDailyBillableEvents" SET count = count + 1, "lastEventTimestamp" = {timestamp} """
                + """WHERE "tenantId" = $1 AND date = '2026-01-10'""",
            tenant.Id);
    }

    private async Task ExecuteAsync(string sql, string tenantId)
    {
        await using var command = servers.Postgres.CreateCommand(sql);
        command.Parameters.AddWithValue(tenantId);
        Assert.Equal(1, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }
}

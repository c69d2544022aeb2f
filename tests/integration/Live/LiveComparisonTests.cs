using System.Globalization;
using ProjectionReplay.Comparison;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>Chosen aggregates, and comparisons, beside busy live handlers.</summary>
public sealed class LiveComparisonTests(TestServers servers) : IClassFixture<TestServers>
{

    [Fact]
    public async Task Chosen_aggregates_some_first_and_then_the_others_come_to_the_fold_of_the_log()
    {
        await using var system = await LiveSystem.StartAsync(
            servers, new ExperimentRunStateProjection(), new LiveLoad(Seed: 4, Runs: 40, BackoffMs: 30, LateShare: 0.1));

        foreach (var some in Enumerable.Range(0, 40).Select(run => run.ToString("'run'0000", CultureInfo.InvariantCulture)).Chunk(15))
        {
            var outcome = await ReplayOutcome.RunAsync(
                servers,
                system.Projection,
                system.Tenant,
                system.Options,
                isLive: true,
                aggregateIds: some,
                timeProvider: system.ReplayTime);
            Assert.Empty(outcome.ShouldSucceed().Warnings);
            Assert.Equal(some.Length, outcome.Last.AggregatesReplayed);
        }

        await system.AssertExactAsync("chosen aggregates");
        await AssertSameAsync(system);
    }

    [Fact]
    public async Task No_difference_is_told_of_rows_that_live_handlers_are_busy_with()
    {
        await using var system = await LiveSystem.StartAsync(
            servers, new ExperimentRunStateProjection(), new LiveLoad(Seed: 5, Runs: 200, BackoffMs: 10, LateShare: 0.1));
        (await ReplayOutcome.RunAsync(
            servers, system.Projection, system.Tenant, system.Options, isLive: true, timeProvider: system.ReplayTime)).ShouldSucceed();

        var busy = await CompareAsync(system);

        Assert.Empty(busy.ShouldSucceed().Lines);
        await system.AssertExactAsync("a comparison");
        await AssertSameAsync(system);
    }

    [Fact]
    public async Task No_difference_is_told_of_counters_that_live_handlers_are_busy_with()
    {
        await using var system = await LiveSystem.StartAsync(
            servers, TenantDailyBillableEventsProjection.ForTenants(), new LiveLoad(Seed: 6, Runs: 40, BackoffMs: 10, LateShare: 0.1));
        (await ReplayOutcome.RunAsync(
            servers,
            system.Projection,
            system.Tenant,
            system.Options,
            isLive: true,
            isRebuild: true,
            timeProvider: system.ReplayTime)).ShouldSucceed();

        var busy = await CompareAsync(system);

        Assert.Empty(busy.ShouldSucceed().Lines);
        await system.AssertExactAsync("a comparison");
        await AssertSameAsync(system);
    }

    private async Task AssertSameAsync(LiveSystem system)
    {
        var quiet = await CompareAsync(system);
        Assert.Empty(quiet.ShouldSucceed().Lines);
        Assert.Empty(quiet.Warnings);
    }

    private Task<ComparisonOutcome> CompareAsync(LiveSystem system) => ComparisonOutcome.RunAsync(
        servers,
        system.Projection,
        system.Tenant,
        request => request with { Grace = LiveTime.Promise },
        timeProvider: system.ComparisonTime);
}

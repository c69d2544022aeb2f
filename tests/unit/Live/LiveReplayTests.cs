using ProjectionReplay.Projections;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>
/// A replay beside busy live handlers, as fast as they are. When both are done every stored state is the fold of all its
/// events, those included that came in while the replay was at work, and those that came in late. The fewer runs there
/// are, the less does any of them ever pause.
/// </summary>
public sealed class LiveReplayTests(TestServers servers)
{
    private static readonly ExperimentRunStateProjection Runs = new();
    private static readonly TenantDailyBillableEventsProjection Billable = TenantDailyBillableEventsProjection.ForTenants();

    [Theory]
    [InlineData(1, 200, 5, 0.25)]
    [InlineData(2, 40, 60, 0.05)]
    [InlineData(3, 10, 250, 0.02)]
    public async Task Latest_row_states_equal_the_fold_of_the_log(int seed, int runs, int backoffMs, double lateShare)
    {
        using var fold = new LiveExperimentRuns(servers);
        await ReplayBesideAsync(Runs, fold, new LiveLoad(seed, runs, backoffMs, lateShare, StartShare: 1 / 6.0));
    }

    [Theory]
    [InlineData(11, 200, 5, 0.25)]
    [InlineData(12, 40, 60, 0.05)]
    [InlineData(13, 10, 250, 0.02)]
    public async Task Counters_that_are_rebuilt_count_every_event_once(int seed, int runs, int backoffMs, double lateShare) =>
        await ReplayBesideAsync(Billable, new LiveBillableEvents(servers), new LiveLoad(seed, runs, backoffMs, lateShare, StartShare: 1));

    private async Task ReplayBesideAsync(IFoldProjection projection, ILiveFold fold, LiveLoad load)
    {
        var (seed, runs, backoffMs, lateShare, startShare) = load;
        var isRebuild = projection.Definition.ReplaySafety == ReplaySafety.Increment;
        var options = new ReplayOptions { AggregateBatchSize = Math.Max(4, runs / 4), StagingGrace = TimeSpan.FromSeconds(4) };
        var tenant = new TestTenant(servers);
        await LiveTraffic.SeedHistoryAsync(tenant, runs, eventsPerRun: 3);
        var queue = new LiveQueue(servers.Redis, projection.Definition.QueueName);
        await using var workers = new LiveWorkers(servers, queue, projection.Definition.Name, fold, count: 6, TimeSpan.FromMilliseconds(backoffMs));
        var traffic = new LiveTraffic(tenant, workers, runs, seed) { StartShare = startShare, LateShare = lateShare };
        using var stop = new CancellationTokenSource();
        var appending = traffic.RunAsync(streams: 2, stop.Token);
        await WaitUntilAsync(() => traffic.Appended > 20);

        var outcome = await ReplayOutcome.RunAsync(servers, projection, tenant, options, isLive: true, isRebuild: isRebuild);

        await stop.CancelAsync();
        await appending;
        await workers.WaitUntilIdleAsync();
        Assert.Empty(outcome.ShouldSucceed().Warnings);
        var (processed, skipped, deferred) = workers.Decisions;
        Assert.True(deferred > 0, $"The test should have met the replay; processed {processed}, skipped {skipped}, deferred {deferred}.");
        Assert.SkipWhen(workers.SlowestStaging > options.StagingGrace, $"This machine was too busy for the live system to keep its promise: a job was staged {workers.SlowestStaging} after its event.");
        var oracle = new StateOracle(servers, projection, tenant.Id);
        await oracle.AssertStoredAsync($"seed {seed}, {traffic.Appended} live events: processed {processed}, skipped {skipped}, deferred {deferred}");
        await oracle.AssertNothingLeftAsync();
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition()) await Task.Delay(5, patience.Token);
    }

    /// <summary>What the live system is busy with. The fewer runs, the more of the events are theirs.</summary>
    private sealed record LiveLoad(int Seed, int Runs, int BackoffMs, double LateShare, double StartShare);
}

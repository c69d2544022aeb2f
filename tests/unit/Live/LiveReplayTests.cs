using ProjectionReplay.Faults;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>
/// A replay beside busy live handlers: some 60 events a second over 200 aggregates, so that each one pauses now and then;
/// the protocol cannot settle an aggregate that never does. When both are done every stored state is the fold of all its events,
/// those included that came in while the replay was at work, and those that came in late.
/// </summary>
[Trait("Set", "Nightly")]
public sealed class LiveReplayTests(TestServers servers)
{
    private static readonly ExperimentRunStateProjection Runs = new();

    private static readonly ReplayOptions Options = new() { AggregateBatchSize = 40, StagingGrace = TimeSpan.FromSeconds(2) };

    private static readonly int[] BackoffsMs = [250, 5, 60];

    public static TheoryData<int> Seeds { get; } = FaultSchedule.Seeds(FaultSchedule.Live);

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Latest_row_states_equal_the_fold_of_the_log(int seed)
    {
        var backoffMs = BackoffsMs[seed % BackoffsMs.Length];
        const int RunCount = 200;
        var tenant = new TestTenant(servers);
        await LiveTraffic.SeedHistoryAsync(tenant, RunCount, eventsPerRun: 3);
        using var fold = new LiveExperimentRuns(servers);
        var queue = new LiveQueue(servers.Redis, Runs.Definition.QueueName);
        await using var workers = new LiveWorkers(servers, queue, Runs.Definition.Name, fold, count: 6, TimeSpan.FromMilliseconds(backoffMs));
        var traffic = new LiveTraffic(tenant, workers, RunCount, seed);
        using var stop = new CancellationTokenSource();
        var appending = traffic.RunAsync(streams: 2, stop.Token);
        await WaitUntilAsync(() => traffic.Appended > 20);

        var outcome = await ReplayOutcome.RunAsync(servers, Runs, tenant, Options, isLive: true);

        await stop.CancelAsync();
        await appending;
        await workers.WaitUntilIdleAsync();
        outcome.ShouldSucceed();
        var (processed, skipped, deferred) = workers.Decisions;
        Assert.True(deferred > 0, $"The test should have met the replay; processed {processed}, skipped {skipped}, deferred {deferred}.");
        Assert.SkipWhen(workers.SlowestStaging > Options.StagingGrace, $"This machine was too busy for the live system to keep its promise: a job was staged {workers.SlowestStaging} after its event.");
        var oracle = new StateOracle(servers, Runs, tenant.Id);
        await oracle.AssertStoredAsync($"REPLAY_TEST_SEED={seed}, {traffic.Appended} live events: processed {processed}, skipped {skipped}, deferred {deferred}");
        await oracle.AssertNothingLeftAsync();
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition()) await Task.Delay(5, patience.Token);
    }
}

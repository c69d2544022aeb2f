using ProjectionReplay.Projections;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>
/// A replay beside busy live handlers, as fast as they are. When both are done every stored state is the fold of all its
/// events, those included that came in while the replay was at work, and those that came in late.
/// </summary>
public sealed class LiveReplayTests(TestServers servers) : IClassFixture<TestServers>
{
    /// <summary>Aggregates that pause, that hardly do, and that never do.</summary>
    public static TheoryData<LiveLoad> Loads { get; } =
    [
        new LiveLoad(Seed: 1, Runs: 200, BackoffMs: 5, LateShare: 0.25),
        new LiveLoad(Seed: 2, Runs: 40, BackoffMs: 60, LateShare: 0.05),
        new LiveLoad(Seed: 3, Runs: 10, BackoffMs: 250, LateShare: 0.02),
    ];

    [Theory]
    [MemberData(nameof(Loads), DisableDiscoveryEnumeration = true)]
    public Task Latest_row_states_equal_the_fold_of_the_log(LiveLoad load) => ReplayBesideAsync(new ExperimentRunStateProjection(), load);

    [Theory]
    [MemberData(nameof(Loads), DisableDiscoveryEnumeration = true)]
    public Task Counters_that_are_rebuilt_count_every_event_once(LiveLoad load) =>
        ReplayBesideAsync(TenantDailyBillableEventsProjection.ForTenants(), load);

    private async Task ReplayBesideAsync(IFoldProjection projection, LiveLoad load)
    {
        await using var system = await LiveSystem.StartAsync(servers, projection, load);

        var outcome = await ReplayOutcome.RunAsync(
            servers, projection, system.Tenant, system.Options, isLive: true, isRebuild: system.IsRebuild, timeProvider: system.ReplayTime);

        Assert.Empty(outcome.ShouldSucceed().Warnings);
        await system.AssertExactAsync($"{load}");
    }
}

using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>A replay beside busy live handlers that is killed, or whose connections are cut, and run again.</summary>
[Trait("Set", "Nightly")]
public sealed class LiveFaultTests(TestServers servers) : IClassFixture<TestServers>
{
    private const int Kills = 2;

    public static TheoryData<int> Seeds { get; } = FaultSchedule.Seeds(FaultSchedule.Live, percent: 4);

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task However_often_a_replay_is_killed_beside_live_handlers_the_next_one_comes_out_exact(int seed)
    {
        var random = FaultSchedule.Random(seed);
        await using var system = await StartAsync(seed);
        var schedule = string.Create(CultureInfo.InvariantCulture, $"REPLAY_TEST_SEED={seed}, {system.Projection.Definition.Name}");
        for (var kill = 0; kill < Kills; kill++)
        {
            var delay = Math.Round(100 + (random.NextDouble() * 1500), 1);
            var wasKilled = await ChildReplay.KillAfterAsync(
                servers,
                delay,
                system.Projection.Definition.Name,
                system.Tenant.Id,
                system.Options.AggregateBatchSize!.Value,
                system.IsRebuild ? "Rebuild" : "Resume");
            schedule += string.Create(CultureInfo.InvariantCulture, $", {(wasKilled ? "killed after" : "done before")} {delay} ms");
        }

        var last = random.Next(2) == 0 ? PreviousRunAction.Restart : PreviousRunAction.Resume;

        // The killed runs were told of no live system as slow as this machine made it: what they completed may be wrong.
        if (!system.IsQuick) last = PreviousRunAction.Restart;

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            system.Projection,
            system.Tenant,
            system.Options,
            system.IsRebuild ? PreviousRunAction.Refuse : last,
            isLive: true,
            isRebuild: system.IsRebuild,
            timeProvider: system.ReplayTime);

        outcome.ShouldSucceed();
        await system.AssertExactAsync($"{schedule}, then {(system.IsRebuild ? "rebuilt" : last)}");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Connections_that_are_cut_beside_live_handlers_change_nothing(int seed)
    {
        var random = FaultSchedule.Random(seed);
        await using var system = await StartAsync(seed);
        Server[] used = system.IsRebuild ? [Server.ClickHouse, Server.Redis, Server.Postgres] : [Server.ClickHouse, Server.Redis];
        var faulty = used[random.Next(used.Length)];
        await using var linked = new LinkedServers(servers, faulty);

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            system.Projection,
            system.Tenant,
            system.Options with
            {
                Probe = (boundary, _) =>
                {
                    lock (random)
                    {
                        if (random.Next(6) == 0) Cut(linked.Link, random.Next(3));
                    }

                    return ValueTask.CompletedTask;
                },
            },
            connections: linked.Connections,
            isLive: true,
            isRebuild: system.IsRebuild,
            timeProvider: system.ReplayTime);

        outcome.ShouldSucceed();
        Assert.True(linked.Link.Strikes > 0, $"REPLAY_TEST_SEED={seed}: {faulty} should have been cut.");
        await system.AssertExactAsync(
            $"REPLAY_TEST_SEED={seed}, {system.Projection.Definition.Name}, {faulty} cut {linked.Link.Strikes} times");
    }

    private static void Cut(FaultyLink link, int how)
    {
        if (how == 0) link.Cut();
        else if (how == 1) link.LoseRequest();
        else link.LoseAnswer();
    }

    /// <summary>Rows that are overwritten and counters, in turn.</summary>
    private Task<LiveSystem> StartAsync(int seed)
    {
        IFoldProjection projection = seed % 2 == 0 ? TenantDailyBillableEventsProjection.ForTenants() : new ExperimentRunStateProjection();
        return LiveSystem.StartAsync(servers, projection, new LiveLoad(seed, Runs: 60, BackoffMs: 20, LateShare: 0.05));
    }
}

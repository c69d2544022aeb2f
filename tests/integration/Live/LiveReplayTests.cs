using Npgsql;
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

    /// <summary>
    /// A tenant with new aggregates all the time is rebuilt, while somebody's transaction stays open, and a third tenant's
    /// counter is added to.
    /// </summary>
    [Fact]
    public async Task Other_tenants_never_wait_for_the_rebuild_of_a_busy_one()
    {
        Punctuality.Watch();
        await using var system = await LiveSystem.StartAsync(
            servers,
            TenantDailyBillableEventsProjection.ForTenants(),
            new LiveLoad(Seed: 4, Runs: 60, BackoffMs: 20, LateShare: 0.05, NewRuns: 1_000_000));
        await using var connection = await servers.Postgres.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var hold = Increment("idle"))
        {
            (hold.Connection, hold.Transaction) = (connection, transaction);
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        using var stop = new CancellationTokenSource();
        var third = AddAsync(stop.Token);
        var outcome = await ReplayOutcome.RunAsync(
            servers, system.Projection, system.Tenant, system.Options, isLive: true, isRebuild: true, timeProvider: system.ReplayTime);
        await stop.CancelAsync();

        var added = await third;
        Assert.Empty(outcome.ShouldSucceed().Warnings);
        Assert.True(added > 10, $"The third tenant was added to only {added} times.");
        await system.AssertExactAsync("a rebuild with new aggregates all the time");
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);

        async Task<int> AddAsync(CancellationToken token)
        {
            var count = 0;
            for (; !token.IsCancellationRequested; count++)
            {
                var started = TimeProvider.System.GetTimestamp();
                await using var command = Increment("third");
                command.Connection = await servers.Postgres.OpenConnectionAsync(CancellationToken.None);
                await using (command.Connection) await command.ExecuteNonQueryAsync(CancellationToken.None);
                Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), TimeProvider.System.GetElapsedTime(started));
                await Task.Delay(20, CancellationToken.None);
            }

            return count;
        }

        NpgsqlCommand Increment(string tenant)
        {
            var id = $"{tenant}-{system.Tenant.Id}";
            var command = new NpgsqlCommand("""
                INSERT INTO "TenantDailyBillableEvents" AS stored (id, "tenantId", date, count, "lastEventTimestamp")
                VALUES ($1, $1, $1, 1, 0)
                ON CONFLICT (id) DO UPDATE SET count = stored.count + 1
                """);
            command.Parameters.AddWithValue(id);
            return command;
        }
    }

    private async Task ReplayBesideAsync(IFoldProjection projection, LiveLoad load)
    {
        await using var system = await LiveSystem.StartAsync(servers, projection, load);

        var outcome = await ReplayOutcome.RunAsync(
            servers, projection, system.Tenant, system.Options, isLive: true, isRebuild: system.IsRebuild, timeProvider: system.ReplayTime);

        Assert.Empty(outcome.ShouldSucceed().Warnings);
        await system.AssertExactAsync($"{load}");
    }
}

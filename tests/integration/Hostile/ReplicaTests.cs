using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>
/// An event log that is replicated, and a replica that answers before it has fetched all. The engine here has no Keeper: a table
/// stands in for system.replicas, and the log's engine is said to be another.
/// </summary>
public sealed class ReplicaTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Engine = "SELECT engine, engine_full FROM system.tables";

    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Nothing_is_stored_before_the_replica_has_what_the_others_had()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();
        await using var hostile = await StartAsync("ReplicatedMergeTree", lastEntry: 7, nextEntry: 5);

        var replay = RunAsync(hostile, tenant, TimeSpan.FromSeconds(60));
        await UntilAsync(replay, async () => (await tenant.MarkersAsync("evaluationState")).Count > 0);
        await UntilAsync(replay, () => Task.FromResult(hostile.Queries.Count(IsOfReplicas) >= 5));
        Assert.Empty(await tenant.EvaluationsAsync());

        // Live handlers have folded it, and this replica gets it only now.
        tenant.AddRaw(
            "evaluation",
            "e0002",
            "lw.evaluation.completed",
            TestTenant.Start.AddHours(1),
            """{"evaluationId":"e0002","status":"error"}""");
        await tenant.AppendAsync();
        await SetStateAsync(lastEntry: 9, nextEntry: 8, fetches: 1, oldestFetch: "now() + 3600");

        (await replay).ShouldSucceed();
        Assert.Equal("error", (await tenant.EvaluationsAsync())["e0002"].GetProperty("Status").GetString());
    }

    [Theory]
    [InlineData(7, 5, 0)]
    [InlineData(7, 8, 1)]
    public async Task A_replica_that_does_not_catch_up_ends_the_run(int lastEntry, int nextEntry, int fetches)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await using var hostile = await StartAsync("ReplicatedMergeTree", lastEntry, nextEntry, fetches);

        var outcome = await RunAsync(hostile, tenant, TimeSpan.FromMilliseconds(300));

        outcome.ShouldFailWith(ReplayError.ReplicaBehind);
        Assert.Contains("it is 77 s behind", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.Empty(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task Counters_are_not_taken_away_while_a_replica_may_lack_new_aggregates()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var counters = TenantDailyBillableEventsProjection.ForTenants();
        (await ReplayOutcome.RunAsync(servers, counters, tenant)).ShouldSucceed();
        var before = await tenant.BillableEventsAsync();
        await using var hostile = await StartAsync("ReplicatedMergeTree", lastEntry: 7, nextEntry: 5);

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            counters,
            tenant,
            new ReplayOptions { DrainTimeout = TimeSpan.FromMilliseconds(300) },
            isRebuild: true,
            connections: Through(hostile));

        outcome.ShouldFailWith(ReplayError.ReplicaBehind);
        Assert.Equal(before, await tenant.BillableEventsAsync());
    }

    [Theory]
    [InlineData("SharedMergeTree", true)]
    [InlineData("MergeTree", false)]
    public async Task A_table_that_servers_share_is_asked_for_what_was_written_by_now(string engine, bool asksForLatest)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await using var hostile = await StartAsync(engine, lastEntry: 0, nextEntry: 0);
        (await RunAsync(hostile, tenant, TimeSpan.FromSeconds(60))).ShouldSucceed();

        Assert.Equal(asksForLatest, hostile.Urls.Any(url => url.Contains("select_sequential_consistency=1", StringComparison.Ordinal)));
        Assert.DoesNotContain(hostile.Queries, IsOfReplicas);
    }

    private static bool IsOfReplicas(string query) => query.Contains("system.replicas", StringComparison.Ordinal);

    private static async Task UntilAsync(Task<ReplayOutcome> replay, Func<Task<bool>> isTrue)
    {
        while (!await isTrue())
        {
            Assert.False(replay.IsCompleted, "The replay has ended too early.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private Task<ReplayOutcome> RunAsync(HostileClickHouse hostile, TestTenant tenant, TimeSpan drainTimeout) => ReplayOutcome.RunAsync(
        servers, Evaluations, tenant, new ReplayOptions { DrainTimeout = drainTimeout }, connections: Through(hostile));

    private ReplayConnections Through(HostileClickHouse hostile) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = hostile.Url,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = servers.DatabaseUrl,
    };

    private async Task<HostileClickHouse> StartAsync(string engine, int lastEntry, int nextEntry, int fetches = 0)
    {
        await SetStateAsync(lastEntry, nextEntry, fetches, "now() - 9");
        var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        hostile.Rewrite = query => query
            .Replace(Engine, $"SELECT '{engine}', engine_full FROM system.tables", StringComparison.Ordinal)
            .Replace("FROM system.replicas", "FROM replicas_here", StringComparison.Ordinal);
        return hostile;
    }

    private Task SetStateAsync(int lastEntry, int nextEntry, int fetches, string oldestFetch) => servers.ExecuteAsync($"""
        CREATE OR REPLACE VIEW replicas_here AS SELECT currentDatabase() AS database, 'event_log' AS table,
            {lastEntry} AS log_max_index, {nextEntry} AS log_pointer, {fetches} AS inserts_in_queue,
            {oldestFetch} AS inserts_oldest_time, 77 AS absolute_delay
        """);
}

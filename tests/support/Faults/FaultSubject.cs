using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Sandbox.Seeding;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>What faults are done to: a projection of a tenant that has events of every kind, replayed in about four batches.</summary>
internal sealed class FaultSubject
{
    private const int BatchCount = 4;

    private readonly TestServers _servers;
    private readonly StateOracle _oracle;

    private FaultSubject(TestServers servers, IFoldProjection projection, TestTenant tenant, int aggregateBatchSize)
    {
        (_servers, Projection, Tenant, AggregateBatchSize) = (servers, projection, tenant, aggregateBatchSize);
        _oracle = new StateOracle(servers, projection, tenant.Id);
    }

    public IFoldProjection Projection { get; }

    public TestTenant Tenant { get; }

    public int AggregateBatchSize { get; }

    public string Name => Projection.Definition.Name;

    /// <summary>One projection of a tenant of its own.</summary>
    public static async Task<FaultSubject> CreateAsync(TestServers servers, string projection, ulong seed = 1) =>
        await OfAsync(servers, projection, await SeedAsync(servers, seed));

    /// <summary>
    /// Both kinds of latest rows, and counters that many aggregates share, of one tenant: replays of different
    /// projections do not meet.
    /// </summary>
    public static async Task<IReadOnlyList<FaultSubject>> CreateEachAsync(TestServers servers, ulong seed = 1)
    {
        var tenant = await SeedAsync(servers, seed);
        string[] projections = ["evaluationState", "experimentRunState", "tenantDailyBillableEvents"];
        return await Task.WhenAll(projections.Select(projection => OfAsync(servers, projection, tenant)));
    }

    /// <summary>Replays in this process.</summary>
    public Task<ReplayOutcome> RunAsync(
        PreviousRunAction previousRun = PreviousRunAction.Refuse,
        ReplayOptions? options = null,
        ReplayConnections? connections = null,
        TimeProvider? timeProvider = null,
        ReplayShard? shard = null,
        CancellationToken cancellationToken = default) =>
        ReplayOutcome.RunAsync(
            _servers,
            Projection,
            Tenant,
            (options ?? new ReplayOptions()) with { AggregateBatchSize = AggregateBatchSize },
            previousRun,
            connections: connections,
            timeProvider: timeProvider,
            shard: shard,
            cancellationToken: cancellationToken);

    /// <summary>Does what Clear-ReplayMarker does.</summary>
    public async Task CleanUpAsync()
    {
        var (cleanup, messages) = (new MarkerCleanup(_servers.Connections), new ReplayMessages());
        var found = await cleanup.FindAsync(name => name == Name, Tenant.Id, messages, TestContext.Current.CancellationToken);
        await cleanup.RemoveAsync(Assert.Single(found), messages, TestContext.Current.CancellationToken);
    }

    /// <summary>Checks that every state is stored as it must be, and that nothing is left in Redis.</summary>
    public async Task AssertDoneAsync(string because)
    {
        await _oracle.AssertStoredAsync($"{because}, {Name}");
        await _oracle.AssertNothingLeftAsync($"{because}, {Name}");
    }

    private static async Task<FaultSubject> OfAsync(TestServers servers, string name, TestTenant tenant)
    {
        IFoldProjection projection = name switch
        {
            "evaluationState" => new EvaluationStateProjection(),
            "experimentRunState" => new ExperimentRunStateProjection(),
            "tenantDailyBillableEvents" => TenantDailyBillableEventsProjection.ForTenants(),
            _ => TenantDailyEventStatsProjection.ForTenants(),
        };
        var plan = (await ReplayOutcome.RunAsync(servers, projection, tenant, isDryRun: true)).Plan!;
        Assert.True(plan.AggregateCount > 1, $"One aggregate of {name} does not make several batches.");
        return new FaultSubject(servers, projection, tenant, Math.Max(1, plan.AggregateCount / BatchCount));
    }

    private static async Task<TestTenant> SeedAsync(TestServers servers, ulong seed)
    {
        var tenant = new TestTenant(servers);
        using var seeder = new EventSeeder(servers.ClickHouseUrl);
        await seeder.SeedAsync(new SeedOptions { Events = 600, Tenants = [tenant.Id], Days = 3, DuplicateEvery = 11, Seed = seed });
        return tenant;
    }
}

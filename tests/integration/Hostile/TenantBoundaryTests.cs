using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Tenants whose ids begin alike, and whose key strings do too, never get in each other's way.</summary>
[Trait("Set", "Nightly")]
public sealed class TenantBoundaryTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    private static readonly string[] Suffixes = ["", "1", ":evaluation", ":evaluation:e1", ":trace", ":", ":evaluation:"];

    public static TheoryData<string, string, PreviousRunAction> Cases { get; } = FindCases();

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_replay_leaves_the_neighbours_as_they_were_to_the_byte(string suffix, string projection, PreviousRunAction action)
    {
        var tenants = await NeighboursAsync();
        var tenant = tenants[Array.IndexOf(Suffixes, suffix)];
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenants[(Array.IndexOf(Suffixes, suffix) + 1) % tenants.Count]))
            .ShouldSucceed();
        foreach (var each in tenants) await TenantTraces.LeaveBehindAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));
        var neighbours = tenants.Where(each => each != tenant).ToList();
        var before = await ReadAsync(neighbours);

        var outcome = await ReplayOutcome.RunAsync(servers, Of(projection), tenant, previousRun: action, allowsLoss: true);

        Assert.Equal((1L, 1L), (outcome.ShouldSucceed().Plan!.PreviousCompletedCount, outcome.Plan!.StaleMarkerCount));
        Assert.Equal(action == PreviousRunAction.Resume ? 2 : 3, outcome.Last.AggregatesReplayed);
        Assert.Equal(before, await ReadAsync(neighbours));
        foreach (var each in tenants) await TenantTraces.TakeAwayAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));
    }

    [Fact]
    public async Task What_a_neighbour_left_behind_is_not_taken_for_an_interrupted_run()
    {
        var tenants = await NeighboursAsync();
        foreach (var each in tenants.Skip(1))
            await TenantTraces.LeaveBehindAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenants[0])).ShouldSucceed();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenants[0])).ShouldSucceed();

        foreach (var each in tenants) await TenantTraces.TakeAwayAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));
    }

    [Fact]
    public async Task A_tenant_without_events_does_not_clear_its_neighbours()
    {
        var nobody = new TestTenant(servers);
        var neighbour = new TestTenant(servers, nobody.Id + ":evaluation");
        await TenantTraces.LeaveBehindAsync(servers, neighbour.AggregateKey("e1"), neighbour.AggregateKey("e2"));

        (await ReplayOutcome.RunAsync(servers, BillableEvents, nobody, previousRun: PreviousRunAction.Restart)).ShouldSucceed();

        Assert.Single(await neighbour.MarkersAsync("tenantDailyBillableEvents"));
        Assert.Single(await neighbour.CompletedAsync("tenantDailyBillableEvents"));
        await TenantTraces.TakeAwayAsync(servers, neighbour.AggregateKey("e1"), neighbour.AggregateKey("e2"));
    }

    [Fact]
    public async Task Clearing_a_tenant_leaves_the_remains_of_its_neighbours()
    {
        var tenants = await NeighboursAsync();
        foreach (var tenant in TestExtent.IsFull ? tenants : [tenants[0], tenants[2], tenants[5]])
        {
            foreach (var each in tenants) await TenantTraces.LeaveBehindAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));
            var neighbours = tenants.Where(each => each != tenant).ToList();
            var before = await ReadAsync(neighbours);
            var messages = new ReplayMessages();
            var cleanup = new MarkerCleanup(servers.Connections);

            var found = await cleanup.FindAsync(
                name => name.StartsWith("evaluationState", StringComparison.Ordinal),
                tenant.Id,
                messages,
                TestContext.Current.CancellationToken);
            foreach (var remains in found)
            {
                Assert.True(
                    (remains.Markers, remains.Completed) == (1, 1),
                    $"For '{tenant.Id}' one marker and one completed aggregate should have been found: {remains}");
                var removed = await cleanup.RemoveAsync(remains, messages, TestContext.Current.CancellationToken);
                Assert.Equal((1L, 1L), (removed.Markers, removed.Completed));
            }

            Assert.Equal(before, await ReadAsync(neighbours));
            foreach (var each in tenants) await TenantTraces.TakeAwayAsync(servers, each.AggregateKey("e1"), each.AggregateKey("e2"));
        }
    }

    [Fact]
    public async Task Neighbours_are_counted_each_for_itself()
    {
        var tenants = await NeighboursAsync();

        var outcomes = await Task.WhenAll(tenants.Select(tenant => ReplayOutcome.RunAsync(servers, BillableEvents, tenant)));

        Assert.All(outcomes, outcome => Assert.Equal(3, outcome.ShouldSucceed().Last.AggregatesReplayed));
        foreach (var tenant in tenants)
            Assert.Equal(new Dictionary<string, int> { ["2026-01-10"] = 3 }, await tenant.BillableEventsAsync());
    }

    /// <summary>Each suffix once, with projections and actions in turn; or each with all of them.</summary>
    private static TheoryData<string, string, PreviousRunAction> FindCases()
    {
        var cases = new TheoryData<string, string, PreviousRunAction>();
        (string, PreviousRunAction)[] runs =
        [
            ("evaluationState", PreviousRunAction.Resume),
            ("tenantDailyBillableEvents", PreviousRunAction.Restart),
            ("tenantDailyBillableEvents", PreviousRunAction.Resume),
            ("evaluationState", PreviousRunAction.Restart),
        ];
        for (var i = 0; i < Suffixes.Length; i++)
        {
            for (var j = 0; j < runs.Length; j++)
            {
                if (TestExtent.IsFull || i % runs.Length == j) cases.Add(Suffixes[i], runs[j].Item1, runs[j].Item2);
            }
        }

        return cases;
    }

    /// <summary>Seven tenants with the evaluations e1, e2 and e3 each.</summary>
    private async Task<IReadOnlyList<TestTenant>> NeighboursAsync()
    {
        var first = $"project_{Guid.NewGuid():N}";
        var tenants = Suffixes.Select(suffix => new TestTenant(servers, first + suffix)).ToList();
        foreach (var tenant in tenants) await tenant.AddEvaluation("e1").AddEvaluation("e2").AddEvaluation("e3").AppendAsync();
        return tenants;
    }

    private async Task<string> ReadAsync(IEnumerable<TestTenant> tenants)
    {
        var traces = new List<string>();
        foreach (var tenant in tenants)
        {
            traces.Add(await TenantTraces.ReadAsync(
                servers, tenant.Id, [tenant.AggregateKey("e1"), tenant.AggregateKey("e2"), tenant.AggregateKey("e3")]));
        }

        return string.Join('\n', traces);
    }

    private static IFoldProjection Of(string name) => name == "evaluationState" ? Evaluations : BillableEvents;
}

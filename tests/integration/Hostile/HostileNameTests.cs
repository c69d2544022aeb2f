using ProjectionReplay.Faults;
using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Whatever tenants and aggregates are called, they are replayed like any other, and nobody else is.</summary>
[Trait("Set", "Nightly")]
public sealed class HostileNameTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    private static readonly ReplayOptions TwoAtATime = new() { AggregateBatchSize = 2 };

    public static TheoryData<string> Kinds => HostileNames.Kinds;

    public static TheoryData<string> Worst => HostileNames.Worst;

    [Theory]
    [MemberData(nameof(Worst))]
    public async Task Names_of_any_kind_are_replayed_interrupted_and_resumed(string kind)
    {
        var (tenant, ids) = await AppendAsync(HostileNames.All[kind]);
        var log = await TenantTraces.ReadAsync(servers, tenant.Id, []);

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, FailInBatch2)).ShouldFailWith(ReplayError.ReplayFailed);

        Assert.Equal(2, (await tenant.CompletedAsync("evaluationState")).Count);
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        var resumed = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, TwoAtATime, PreviousRunAction.Resume);
        Assert.Equal(ids.Count - 2, resumed.ShouldSucceed().Last.AggregatesReplayed);
        var stored = await tenant.EvaluationsAsync();
        Assert.Equal(ids.Order(StringComparer.Ordinal), stored.Keys.Order(StringComparer.Ordinal));
        Assert.All(stored.Values, row => Assert.Equal("processed", row.GetProperty("Status").GetString()));
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.Empty(await tenant.CompletedAsync("evaluationState"));
        Assert.Equal(log.Split('\n')[0], (await TenantTraces.ReadAsync(servers, tenant.Id, [])).Split('\n')[0]);
    }

    [Theory]
    [MemberData(nameof(Worst))]
    public async Task Names_of_any_kind_are_counted_once(string kind)
    {
        var (tenant, ids) = await AppendAsync(HostileNames.All[kind]);

        var first = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, FailInBatch2);
        if (first.Error == ReplayError.StateNotStorable)
        {
            // Postgres indexes no key as long as this: it says so, and nothing is half done.
            Assert.Contains("longer than", first.Exception!.Message, StringComparison.Ordinal);
            Assert.Equal("ten thousand bytes of three", kind);
            Assert.Empty(await tenant.BillableEventsAsync());
            Assert.Empty(await tenant.MarkersAsync("tenantDailyBillableEvents"));
            return;
        }

        first.ShouldFailWith(ReplayError.ReplayFailed);
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, TwoAtATime, PreviousRunAction.Restart)).ShouldSucceed();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, TwoAtATime)).ShouldSucceed();

        Assert.Equal(new Dictionary<string, int> { ["2026-01-10"] = ids.Count }, await tenant.BillableEventsAsync());
        Assert.Empty(await tenant.MarkersAsync("tenantDailyBillableEvents"));
        Assert.Empty(await tenant.CompletedAsync("tenantDailyBillableEvents"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Remains_of_names_of_any_kind_are_found_and_cleared(string kind)
    {
        var tenant = new TestTenant(servers, $"{Guid.NewGuid():N}{HostileNames.All[kind]}");
        var (marked, completed) = (tenant.AggregateKey("e1"), tenant.AggregateKey(HostileNames.All[kind].Replace(':', '.')));
        var neighbour = new TestTenant(servers, tenant.Id + "2");
        await TenantTraces.LeaveBehindAsync(servers, marked, completed);
        await TenantTraces.LeaveBehindAsync(servers, neighbour.AggregateKey("e1"), neighbour.AggregateKey("e2"));
        var messages = new ReplayMessages();
        var cleanup = new MarkerCleanup(servers.Connections);

        var found = Assert.Single(
            await cleanup.FindAsync(name => name == "evaluationState", tenant.Id, messages, TestContext.Current.CancellationToken));
        Assert.Equal((1L, 1L), (found.Markers, found.Completed));
        await cleanup.RemoveAsync(found, messages, TestContext.Current.CancellationToken);

        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.Empty(await tenant.CompletedAsync("evaluationState"));
        Assert.Single(await neighbour.MarkersAsync("evaluationState"));
        Assert.Single(await neighbour.CompletedAsync("evaluationState"));
        await TenantTraces.TakeAwayAsync(
            servers, marked, completed, neighbour.AggregateKey("e1"), neighbour.AggregateKey("e2"));
    }

    [Fact]
    public async Task Ids_whose_UTF16_order_is_not_their_UTF8_order_all_get_their_states()
    {
        // U+FF5E comes before U+1F600 in UTF-8, and after its surrogates in UTF-16.
        string[] ids = ["a\uFF5E", "a\U0001F600", "a\uE000", "a\U00010000", "a\uFFFD", "a\U0010FFFF", "a", "a\uD7FF", ""];
        var tenant = new TestTenant(servers);
        foreach (var id in ids) tenant.AddEvaluation(id);
        await tenant.AppendAsync();

        foreach (var size in (int[])[1, 2, 5, 100])
        {
            var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { AggregateBatchSize = size });
            Assert.Equal((ids.Length, ids.Length * 3L), (outcome.ShouldSucceed().Last.AggregatesReplayed, outcome.Last.TotalEvents));
        }

        Assert.Equal(ids.Order(StringComparer.Ordinal), (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    /// <summary>A tenant and five aggregates that bear a name, alone and with something around it.</summary>
    private async Task<(TestTenant Tenant, IReadOnlyList<string> Ids)> AppendAsync(string name)
    {
        var tenant = new TestTenant(servers, $"{Guid.NewGuid():N}{name}");
        string[] ids = [name, name + "2", "0" + name, "plain", ""];
        foreach (var id in ids) tenant.AddEvaluation(id);
        return (await tenant.AppendAsync(), ids);
    }

    private static ReplayOptions FailInBatch2 => TwoAtATime with
    {
        Probe = (boundary, _) => boundary == new ReplayBoundary(2, ReplayPhase.Store, IsBefore: true)
            ? throw new InvalidOperationException("The test fails the run here.")
            : ValueTask.CompletedTask,
    };
}

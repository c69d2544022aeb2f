using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>Replays of chosen aggregates: the whole cycle, and nobody else is touched, a half-done run least of all.</summary>
[Trait("Set", "Nightly")]
public sealed class ChosenAggregatesTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "evaluationState";

    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    public static TheoryData<string> Kinds => HostileNames.Worst;

    [Fact]
    public async Task Only_they_are_marked_replayed_and_unmarked_from_their_first_event_on()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        var marked = new List<string>();
        var options = new ReplayOptions
        {
            AggregateBatchSize = 2,
            Probe = async (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.CatchUp, IsBefore: true })
                    marked.AddRange((await tenant.MarkersAsync(Projection)).Keys);
            },
        };

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            options,
            since: TestTenant.Start.AddSeconds(2),
            aggregateIds: ["e0017", "e0003", "e0003", "e0011"]);

        string[] chosen = ["e0003", "e0011", "e0017"];
        Assert.Equal((3, 9L), (outcome.ShouldSucceed().Last.AggregatesReplayed, outcome.Last.TotalEvents));
        Assert.Empty(outcome.Warnings);
        Assert.Equal(["e0017", "e0003", "e0003", "e0011"], outcome.Plan!.AggregateId);
        Assert.Equal((3, 9L, 2), (outcome.Plan.AggregateCount, outcome.Plan.EventCount, outcome.Plan.BatchCount));
        Assert.Subset(chosen.Select(tenant.AggregateKey).ToHashSet(), marked.ToHashSet());
        Assert.Equal(chosen, (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
        await new StateOracle(servers, Evaluations, tenant.Id).AssertNothingLeftAsync();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task They_may_be_called_anything(string kind)
    {
        var name = HostileNames.All[kind];
        var tenant = new TestTenant(servers, $"{Guid.NewGuid():N}{name}");
        foreach (var id in (string[])[name, name + "2", "0" + name]) tenant.AddEvaluation(id);
        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: [name, name + "2"])).ShouldSucceed();

        Assert.Equal([name, name + "2"], (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.CompletedAsync(Projection));
    }

    [Fact]
    public async Task Those_without_an_event_are_named_and_the_others_replayed()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AddEvaluation("old", TestTenant.Start.AddDays(-30)).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ["e0001", "old", "it's nobody"]);

        var warning = Assert.Single(outcome.ShouldSucceed().Warnings);
        Assert.Contains("'old', 'it's nobody'", warning, StringComparison.Ordinal);
        Assert.Contains("since 2026-01-01", warning, StringComparison.Ordinal);
        Assert.Equal(1, outcome.Last.AggregatesReplayed);
        Assert.Equal(["e0001"], (await tenant.EvaluationsAsync()).Keys);
    }

    [Fact]
    public async Task When_none_has_an_event_nothing_is_done()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, aggregateIds: ["nobody"]);

        Assert.Equal(0, outcome.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Single(outcome.Warnings);
        Assert.Empty(await tenant.BillableEventsAsync());
    }

    [Theory]
    [InlineData(PreviousRunAction.Refuse)]
    [InlineData(PreviousRunAction.Resume)]
    [InlineData(PreviousRunAction.Restart)]
    public async Task A_half_done_run_of_all_comes_first_and_keeps_what_it_completed_and_marked(PreviousRunAction action)
    {
        var subject = await FaultSubject.CreateAsync(servers, "evaluationState");
        await ChildReplay.KillAtAsync(servers, new ReplayBoundary(3, ReplayPhase.Store, IsBefore: false), [subject]);
        var (completed, marked) = (await subject.Tenant.CompletedAsync(Projection), await subject.Tenant.MarkersAsync(Projection));
        Assert.NotEmpty(completed);
        Assert.NotEmpty(marked);

        foreach (var key in (string[])[completed[0], marked.Keys.First()])
        {
            var outcome = await ReplayOutcome.RunAsync(
                servers, subject.Projection, subject.Tenant, previousRun: action, aggregateIds: [IdOf(key)]);
            outcome.ShouldFailWith(ReplayError.PreviousRunFound);
            Assert.Contains("without -AggregateId", outcome.Exception!.Message, StringComparison.Ordinal);
            var plan = (await ReplayOutcome.RunAsync(
                servers, subject.Projection, subject.Tenant, isDryRun: true, aggregateIds: [IdOf(key)])).Plan!;
            Assert.Equal(
                (1, (long)completed.Count, (long)marked.Count), (plan.AggregateCount, plan.PreviousCompletedCount, plan.StaleMarkerCount));
        }

        Assert.Equal(completed, await subject.Tenant.CompletedAsync(Projection));
        Assert.Equal(marked, await subject.Tenant.MarkersAsync(Projection));
        var resumed = (await subject.RunAsync(PreviousRunAction.Resume)).ShouldSucceed();
        Assert.Equal(resumed.Plan!.AggregateCount - completed.Count, resumed.Last.AggregatesReplayed);
        await subject.AssertDoneAsync("resumed after chosen aggregates were refused");
    }

    [Fact]
    public async Task A_half_done_run_of_another_type_of_aggregate_is_seen_too()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start, "{}");
        await tenant.AppendAsync();
        var (key, type) = ("projection-replay:cutoff:tenantDailyBillableEvents", tenant.AggregateKey("e0000"));
        await servers.Redis.HashSetAsync(key, type, "pending");

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, aggregateIds: ["t1"])).ShouldFailWith(ReplayError.PreviousRunFound);

        await servers.Redis.HashDeleteAsync(key, type);
    }

    [Theory]
    [InlineData("evaluationState", true, PreviousRunAction.Resume)]
    [InlineData("evaluationState", true, PreviousRunAction.Restart)]
    [InlineData("evaluationState", false, PreviousRunAction.Resume)]
    [InlineData("evaluationState", false, PreviousRunAction.Restart)]
    [InlineData("tenantDailyBillableEvents", true, PreviousRunAction.Resume)]
    [InlineData("tenantDailyBillableEvents", true, PreviousRunAction.Restart)]
    [InlineData("tenantDailyBillableEvents", false, PreviousRunAction.Resume)]
    [InlineData("tenantDailyBillableEvents", false, PreviousRunAction.Restart)]
    public async Task A_half_done_run_of_theirs_is_gone_on_with_by_them_or_by_a_run_of_all(
        string name, bool byThem, PreviousRunAction action)
    {
        var subject = await FaultSubject.CreateAsync(servers, name, seed: 3);
        var chosen = (await servers.QueryAsync(
            "SELECT DISTINCT AggregateId AS id FROM event_log "
                + "WHERE TenantId = {tenant:String} AND EventType IN ('lw.evaluation.started') ORDER BY id LIMIT 12",
            ("tenant", subject.Tenant.Id)))
            .Select(row => row.GetProperty("id").GetString()!).ToList();
        var failing = new ReplayOptions
        {
            AggregateBatchSize = 4,
            Probe = (boundary, _) => boundary == new ReplayBoundary(2, ReplayPhase.Store, IsBefore: false)
                ? throw new InvalidOperationException("The test fails the run here.")
                : ValueTask.CompletedTask,
        };
        (await ReplayOutcome.RunAsync(servers, subject.Projection, subject.Tenant, failing, aggregateIds: chosen))
            .ShouldFailWith(ReplayError.ReplayFailed);

        // As a kill would, which removes no markers.
        await servers.Redis.HashSetAsync($"projection-replay:cutoff:{name}", subject.Tenant.AggregateKey(chosen[^1]), "pending");
        Assert.Equal(4, (await subject.Tenant.CompletedAsync(name)).Count);
        (await ReplayOutcome.RunAsync(servers, subject.Projection, subject.Tenant, aggregateIds: chosen))
            .ShouldFailWith(ReplayError.PreviousRunFound);

        if (byThem)
        {
            var again = (await ReplayOutcome.RunAsync(
                servers, subject.Projection, subject.Tenant, previousRun: action, aggregateIds: chosen)).ShouldSucceed();
            var skipped = action == PreviousRunAction.Resume ? 4 : 0;
            if (name == "evaluationState") Assert.Equal(chosen.Count - skipped, again.Last.AggregatesReplayed);
            Assert.Empty(await subject.Tenant.MarkersAsync(name));
            Assert.Empty(await subject.Tenant.CompletedAsync(name));
            (await subject.RunAsync()).ShouldSucceed();
        }
        else
        {
            (await subject.RunAsync(action)).ShouldSucceed();
        }

        await subject.AssertDoneAsync("a half-done run of chosen aggregates, and then all");
    }

    [Fact]
    public async Task Counters_count_each_aggregate_once_chosen_or_not()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync();

        Assert.Equal(2, await CountAsync(["e0001", "e0002"]));
        Assert.Equal(1, await CountAsync(["e0002", "e0003"]));
        Assert.Equal(7, await CountAsync(null));
        Assert.Equal(0, await CountAsync(["e0009"]));

        Assert.Equal(10, (await tenant.BillableEventsAsync())["2026-01-10"]);
        await new StateOracle(servers, BillableEvents, tenant.Id).AssertNothingLeftAsync();

        async Task<int?> CountAsync(IReadOnlyList<string>? ids) =>
            (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, aggregateIds: ids)).ShouldSucceed().Last.AggregatesReplayed;
    }

    [Fact]
    public async Task Neighbours_with_the_same_ids_are_left_as_they_were_to_the_byte()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var neighbour = await new TestTenant(servers, tenant.Id + ":evaluation").AddEvaluations(3).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, Evaluations, neighbour)).ShouldSucceed();
        await TenantTraces.LeaveBehindAsync(servers, neighbour.AggregateKey("e0001"), neighbour.AggregateKey("e0002"));
        var keys = Enumerable.Range(0, 3).Select(i => neighbour.AggregateKey(TestTenant.EvaluationId(i))).ToList();
        var before = await TenantTraces.ReadAsync(servers, neighbour.Id, keys);

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ["e0001", "e0002"])).ShouldSucceed();

        Assert.Equal(before, await TenantTraces.ReadAsync(servers, neighbour.Id, keys));
        await TenantTraces.TakeAwayAsync(servers, [.. keys]);
    }

    [Fact]
    public async Task A_run_of_all_at_work_keeps_them_out_and_the_other_way_round()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        ReplayOutcome? inside = null;

        foreach (var (first, second) in ((IReadOnlyList<string>?, IReadOnlyList<string>?)[])
            [(null, ["e0001"]), (["e0001"], null), (["e0001"], ["e0002"])])
        {
            var options = new ReplayOptions { LockExpiry = TimeSpan.FromSeconds(5) };
            var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: first, options: options with
            {
                Probe = async (boundary, token) =>
                {
                    if (boundary != new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true)) return;
                    inside = await ReplayOutcome.RunAsync(
                        servers,
                        Evaluations,
                        tenant,
                        options with { LockExpiry = TimeSpan.FromSeconds(1) },
                        aggregateIds: second,
                        cancellationToken: token);
                },
            });

            outcome.ShouldSucceed();
            inside!.ShouldFailWith(ReplayError.ReplayLocked);
        }
    }

    [Fact]
    public async Task A_rebuild_or_a_shard_of_them_is_refused_and_so_are_too_many()
    {
        var tenant = new TestTenant(servers);

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, aggregateIds: ["e1"], isRebuild: true))
            .ShouldFailWith(ReplayError.RebuildNotPossible);
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ["e1"], shard: new Events.ReplayShard(1, 2)))
            .ShouldFailWith(ReplayError.OptionInvalid);
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: [])).ShouldFailWith(ReplayError.OptionInvalid);
        (await ReplayOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            aggregateIds: [.. Enumerable.Range(0, 1001).Select(TestTenant.EvaluationId)])).ShouldFailWith(ReplayError.OptionInvalid);
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: [new string('\'', 65_537)]))
            .ShouldFailWith(ReplayError.OptionInvalid);
    }

    [Fact]
    public async Task A_thousand_of_the_longest_that_are_allowed_fit_into_one_query()
    {
        // Quotes are the worst: each is escaped, and then percent-encoded.
        var tenant = new TestTenant(servers);
        var ids = Enumerable.Range(0, 1_000).Select(i => $"{i:0000}{new string('\'', 61)}").ToList();
        foreach (var id in ids.Take(3)) tenant.AddEvaluation(id);
        await tenant.AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ids);

        Assert.Equal(3, outcome.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Contains("and 987 more", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    private static string IdOf(string key) => key[(key.IndexOf(":evaluation:", StringComparison.Ordinal) + ":evaluation:".Length)..];
}

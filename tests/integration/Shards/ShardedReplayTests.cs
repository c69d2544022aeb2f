using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Shards;

/// <summary>Shards come to what one run comes to, whoever else is at work and whatever becomes of it.</summary>
[Trait("Set", "Nightly")]
public sealed class ShardedReplayTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    public static TheoryData<string> Killed { get; } =
        TestExtent.Of(["evaluationState", "tenantDailyBillableEvents"], "tenantDailyBillableEvents");

    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();
    private static readonly IReadOnlyList<ReplayShard> Quarters = [.. ReplayShard.All(4)];

    private readonly DirectoryInfo _logs = Directory.CreateTempSubdirectory("projection-replay-");

    [Fact]
    public async Task Four_shards_in_four_processes_at_once_come_to_what_one_run_comes_to()
    {
        var subjects = await FaultSubject.CreateEachAsync(servers);
        foreach (var subject in subjects)
        {
            var whole = (await ReplayOutcome.RunAsync(servers, subject.Projection, subject.Tenant, isDryRun: true)).Plan!;
            var parts = await Task.WhenAll(Quarters.Select(async shard =>
                (await ReplayOutcome.RunAsync(servers, subject.Projection, subject.Tenant, isDryRun: true, shard: shard)).Plan!));
            Assert.Equal(
                (whole.AggregateCount, whole.EventCount), (parts.Sum(part => part.AggregateCount), parts.Sum(part => part.EventCount)));
            Assert.Equal(["1/4", "2/4", "3/4", "4/4"], parts.Select(part => part.Shard));
        }

        await ChildReplay.RunShardsAsync(servers, Quarters, subjects);

        foreach (var subject in subjects) await AssertDoneAsync(subject, "four shards at once");
        Assert.All((await subjects[0].Tenant.EvaluationRowCountsAsync()).Values, rows => Assert.Equal(1, rows));
    }

    [Fact]
    public async Task Replaying_shards_again_or_the_whole_after_them_counts_nothing_twice()
    {
        var subject = await FaultSubject.CreateAsync(servers, "tenantDailyEventStats", seed: 5);

        foreach (var shard in Quarters) (await subject.RunAsync(shard: shard)).ShouldSucceed();
        await AssertDoneAsync(subject, "four shards one after the other");
        foreach (var shard in ReplayShard.All(3))
            Assert.Equal(0, (await subject.RunAsync(shard: shard)).ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(0, (await subject.RunAsync()).ShouldSucceed().Last.AggregatesReplayed);

        await AssertDoneAsync(subject, "and once more");
    }

    [Fact]
    public async Task Two_shards_that_add_to_the_same_counter_at_the_same_moment_lose_nothing()
    {
        const int Batches = 10;
        var tenant = await new TestTenant(servers).AddEvaluations(120).AppendAsync();
        var arrivals = new ConcurrentDictionary<int, (TaskCompletionSource Both, int Count)>();

        var outcomes = await Task.WhenAll(ReplayShard.All(2).Select(shard => ReplayOutcome.RunAsync(
            servers, BillableEvents, tenant, new ReplayOptions { AggregateBatchSize = 4, Probe = MeetAsync }, shard: shard)));

        Assert.All(
            outcomes,
            outcome => Assert.True(
                outcome.ShouldSucceed().Plan!.BatchCount >= Batches, "The shards should have met at every batch that is waited for."));
        Assert.Equal(120, outcomes.Sum(outcome => outcome.Last.AggregatesReplayed));
        Assert.Equal(new Dictionary<string, int> { ["2026-01-10"] = 120 }, await tenant.BillableEventsAsync());

        // Neither writes a batch before the other is about to write the batch of the same number.
        async ValueTask MeetAsync(ReplayBoundary boundary, CancellationToken cancellationToken)
        {
            if (boundary is not { Phase: ReplayPhase.Store, IsBefore: true, Batch: <= Batches }) return;
            var (both, count) = arrivals.AddOrUpdate(
                boundary.Batch,
                _ => (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), 1),
                (_, before) => (before.Both, before.Count + 1));
            if (count == 2) both.SetResult();
            await both.Task.WaitAsync(cancellationToken);
        }
    }

    [Theory]
    [MemberData(nameof(Killed))]
    public async Task A_killed_shard_is_resumed_beside_the_others_and_touches_nothing_of_theirs(string projection)
    {
        var subject = await FaultSubject.CreateAsync(servers, projection, seed: 7);
        var small = new ReplayOptions { AggregateBatchSize = 1 };
        var (killed, alsoKilled, working, done) = (Quarters[1], Quarters[2], Quarters[0], Quarters[3]);
        var boundary = new ReplayBoundary(1, ReplayPhase.Store, IsBefore: false);
        await Task.WhenAll(
            ChildReplay.KillShardAtAsync(servers, killed, boundary, [subject]),
            ChildReplay.KillShardAtAsync(servers, alsoKilled, boundary, [subject]));
        (await subject.RunAsync(shard: done)).ShouldSucceed();
        Assert.NotEmpty(await MarkedAsync(subject, killed));
        Assert.NotEmpty(await MarkedAsync(subject, alsoKilled));
        var left = await MarkedAsync(subject, alsoKilled);

        var outcome = await subject.RunAsync(shard: working, options: small with
        {
            Probe = async (at, token) =>
            {
                if (at != new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true)) return;
                var marked = await MarkedAsync(subject, working);
                Assert.NotEmpty(marked);

                (await subject.RunAsync(shard: killed, cancellationToken: token)).ShouldFailWith(ReplayError.PreviousRunFound);
                (await subject.RunAsync(PreviousRunAction.Resume, shard: killed, cancellationToken: token)).ShouldSucceed();

                Assert.Empty(await MarkedAsync(subject, killed));
                Assert.Subset((await MarkedAsync(subject, working)).ToHashSet(), marked.ToHashSet());
                Assert.Equal(left, await MarkedAsync(subject, alsoKilled));
            },
        });

        outcome.ShouldSucceed();
        await ChildReplay.RunShardsAsync(servers, [alsoKilled], [subject], PreviousRunAction.Resume);
        await AssertDoneAsync(subject, "two shards killed and resumed");
    }

    [Fact]
    public async Task A_resumed_shard_skips_what_it_completed_and_a_restarted_one_does_not()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(40).AppendAsync();
        var (own, others) = Divide(tenant, 40, Quarters[0]);
        foreach (var (action, replayed) in (List<(PreviousRunAction, int)>)
            [(PreviousRunAction.Resume, own.Count - 1), (PreviousRunAction.Restart, own.Count)])
        {
            foreach (var key in (string[])[own[0], others[0]])
                await servers.Redis.SetAddAsync("projection-replay:completed:evaluationState", key);
            foreach (var key in (string[])[own[1], others[1]])
                await servers.Redis.HashSetAsync("projection-replay:cutoff:evaluationState", key, "pending");

            var outcome = await ReplayOutcome.RunAsync(
                servers, Evaluations, tenant, previousRun: action, shard: Quarters[0], allowsLoss: true);

            Assert.Equal(
                (1L, 1L, replayed),
                (outcome.ShouldSucceed().Plan!.PreviousCompletedCount, outcome.Plan!.StaleMarkerCount, outcome.Last.AggregatesReplayed));
            Assert.Equal([others[0]], await tenant.CompletedAsync("evaluationState"));
            Assert.Equal([others[1]], (await tenant.MarkersAsync("evaluationState")).Keys);
        }
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task Ids_and_tenants_with_colons_leave_nothing_behind_and_other_shards_alone(string projection)
    {
        // Before the id-like tail of one tenant stands the name of another.
        var tenant = new TestTenant(servers, $"project_{Guid.NewGuid():N}:evaluation");
        for (var i = 0; i < 24; i++) tenant.AddEvaluation($"e:{i}:evaluation:x");
        await tenant.AppendAsync();

        var outcomes = await Task.WhenAll(Quarters.Select(shard => ReplayOutcome.RunAsync(
            servers, Of(projection), tenant, new ReplayOptions { AggregateBatchSize = 2 }, shard: shard)));

        Assert.Equal(24, outcomes.Sum(outcome => outcome.ShouldSucceed().Last.AggregatesReplayed));
        await new StateOracle(servers, Of(projection), tenant.Id).AssertStoredAsync();
        await new StateOracle(servers, Of(projection), tenant.Id).AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Late_events_are_found_in_the_shard_and_left_alone_in_the_others()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        var (own, _) = Divide(tenant, 20, Quarters[2]);

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, shard: Quarters[2], options: new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true)) return;
                for (var i = 0; i < 20; i++)
                {
                    tenant.Add(
                        "evaluation", TestTenant.EvaluationId(i), "lw.evaluation.completed", TestTenant.Start.AddMilliseconds(1_500),
                        new JsonObject { ["evaluationId"] = TestTenant.EvaluationId(i), ["status"] = "error", ["details"] = "late" });
                }

                await tenant.AppendAsync();
            },
        });

        Assert.Equal(own.Count, outcome.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(4L * own.Count, outcome.Last.TotalEvents);

        Assert.Equal(
            own.Order(StringComparer.Ordinal),
            (await tenant.EvaluationRowCountsAsync()).Keys.Select(tenant.AggregateKey).Order(StringComparer.Ordinal));
        foreach (var shard in (ReplayShard[])[Quarters[0], Quarters[1], Quarters[3]])
            (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, shard: shard)).ShouldSucceed();
        await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
    }

    [Theory]
    [InlineData(PreviousRunAction.Refuse)]
    [InlineData(PreviousRunAction.Resume)]
    [InlineData(PreviousRunAction.Restart)]
    public async Task A_shard_without_aggregates_ends_well(PreviousRunAction action)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var empty = ReplayShard.All(4096).First(shard => !shard.Includes(TestTenant.EvaluationId(0)));

        foreach (var projection in (IFoldProjection[])[Evaluations, BillableEvents])
        {
            var outcome = await ReplayOutcome.RunAsync(servers, projection, tenant, previousRun: action, shard: empty);

            Assert.Equal(
                (0, 0, 0L), (outcome.ShouldSucceed().Plan!.AggregateCount, outcome.Last.AggregatesReplayed, outcome.Last.TotalEvents));
        }

        Assert.Empty(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task A_shard_that_is_told_to_resume_where_there_is_nothing_to_resume_simply_runs()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        var (own, _) = Divide(tenant, 20, Quarters[0]);

        for (var attempt = 0; attempt < 2; attempt++)
        {
            var outcome = await ReplayOutcome.RunAsync(
                servers, Evaluations, tenant, previousRun: PreviousRunAction.Resume, shard: Quarters[0]);
            Assert.Equal(own.Count, outcome.ShouldSucceed().Last.AggregatesReplayed);
        }
    }

    [Fact]
    public async Task A_rebuild_of_a_shard_is_refused_and_changes_nothing()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        var outcome = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, isRebuild: true, shard: Quarters[0]);

        outcome.ShouldFailWith(ReplayError.RebuildNotPossible);
        Assert.Contains("without -Shard", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Equal(4, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Logs_in_one_folder_are_named_by_shard()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(8).AppendAsync();

        var outcomes = await Task.WhenAll(Quarters.Select(shard => ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, new ReplayOptions { LogDirectory = _logs.FullName }, shard: shard)));

        foreach (var (shard, outcome) in Quarters.Zip(outcomes))
        {
            var log = Assert.Single(_logs.GetFiles($"*-{shard.Index}of4-*.jsonl"));
            Assert.Matches($@"^projection-replay-evaluationState-{shard.Index}of4-\d{{8}}-\d{{6}}\.jsonl$", log.Name);
            Assert.All(outcome.ShouldSucceed().Entries, entry => Assert.Equal(log.FullName, entry.LogPath));
            Assert.EndsWith($", of shard {shard}.", outcome.Entries[0].Message, StringComparison.Ordinal);
            Assert.Contains($"Shard {shard}: aggregates whose cityHash64(AggregateId) % 4 = {shard.Index - 1}.", outcome.Verbose);
        }
    }

    public void Dispose() => _logs.Delete(recursive: true);

    private static IFoldProjection Of(string name) => name == "evaluationState" ? Evaluations : BillableEvents;

    /// <summary>The key strings of the tenant's evaluations in a shard, and of the others, in order.</summary>
    private static (List<string> Own, List<string> Others) Divide(TestTenant tenant, int count, ReplayShard shard)
    {
        var divided = Enumerable.Range(0, count).Select(TestTenant.EvaluationId).ToLookup(shard.Includes, tenant.AggregateKey);
        return ([.. divided[true]], [.. divided[false]]);
    }

    private async Task AssertDoneAsync(FaultSubject subject, string because)
    {
        await subject.AssertDoneAsync(because);
        foreach (var shard in Quarters)
        {
            Assert.False(
                await servers.Redis.KeyExistsAsync($"projection-replay:lock:{subject.Name}/{shard}:{subject.Tenant.Id}"),
                $"{because}: the lock of shard {shard} is left.");
        }
    }

    /// <summary>What is marked of one shard, sorted.</summary>
    private static async Task<IReadOnlyList<string>> MarkedAsync(FaultSubject subject, ReplayShard shard) =>
        [.. (await subject.Tenant.MarkersAsync(subject.Name)).Keys
            .Where(key => shard.Includes(key[(key.IndexOf(':', subject.Tenant.Id.Length + 1) + 1)..]))
            .Order(StringComparer.Ordinal)];
}

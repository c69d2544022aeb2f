using System.Text.Json.Nodes;
using LiveWorker;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>A Redis cluster, where no command and no transaction may span keys of two slots: markers and completed set do.</summary>
public sealed class RedisClusterTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    private static readonly ReplayOptions ThreeBatches = new() { AggregateBatchSize = 4 };

    [Fact]
    public async Task A_replay_a_resume_a_rebuild_and_a_clean_up_work_and_leave_nothing()
    {
        await using var redis = await RealRedis.StartAsync(isCluster: true);
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync();
        await redis.Database.SetAddAsync("projection-replay:completed:evaluationState", tenant.AggregateKey(TestTenant.EvaluationId(0)));
        await redis.Database.HashSetAsync(
            "projection-replay:cutoff:evaluationState", tenant.AggregateKey(TestTenant.EvaluationId(1)), "pending");

        Assert.Equal(
            9, (await RunAsync(redis, Evaluations, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(10, (await RunAsync(redis, BillableEvents, tenant)).ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(10, (await RunAsync(redis, BillableEvents, tenant, isRebuild: true)).ShouldSucceed().Last.AggregatesReplayed);

        Assert.Equal(9, (await tenant.EvaluationsAsync()).Count);
        Assert.Equal(10, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Equal("0", (await redis.ExecuteAsync("DBSIZE")).ToString());

        await redis.Database.HashSetAsync("projection-replay:cutoff:evaluationState", tenant.AggregateKey("e1"), "pending");
        await redis.Database.SetAddAsync("projection-replay:completed:evaluationState", tenant.AggregateKey("e2"));
        var (cleanup, messages) = (new MarkerCleanup(With(redis)), new ReplayMessages());
        var remains = Assert.Single(await cleanup.FindAsync(_ => true, tenantId: null, messages, TestContext.Current.CancellationToken));
        var removed = await cleanup.RemoveAsync(remains, messages, TestContext.Current.CancellationToken);
        Assert.Equal((1L, 1L), (removed.Markers, removed.Completed));
        Assert.Equal("0", (await redis.ExecuteAsync("DBSIZE")).ToString());
    }

    [Fact]
    public async Task Live_jobs_of_many_aggregates_are_drained_and_settled()
    {
        await using var redis = await RealRedis.StartAsync(isCluster: true);
        var tenant = new TestTenant(servers);
        var live = new List<LiveEvent>();
        for (var i = 0; i < 12; i++)
        {
            var id = TestTenant.EvaluationId(i);
            tenant.AddEvaluation(id);
            live.Add(new LiveEvent(
                tenant.Id, "evaluation", id, tenant.Add("evaluation", id, "lw.evaluation.started", TestTenant.Start.AddHours(1), null)));
        }

        await tenant.AppendAsync();
        var queue = new GroupQueue(redis.Database, BillableEvents.Definition.QueueName);
        foreach (var liveEvent in live) await queue.StageAsync(liveEvent);
        using var stop = new CancellationTokenSource();
        var decisions = new System.Collections.Concurrent.ConcurrentQueue<LiveReplayDecision>();
        var worker = new GroupWorker(
            queue, new LiveReplayGate(redis.Database, BillableEvents.Definition.Name), (_, _) => Task.CompletedTask)
        {
            Decided = (_, decision) => decisions.Enqueue(decision),
        };
        var working = Task.CompletedTask;

        // The staged jobs are for events that the replay folds: they meet the markers, and are skipped in the end.
        var outcome = await RunAsync(redis, BillableEvents, tenant, ThreeBatches with
        {
            AggregateBatchSize = 12,
            Probe = (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Drain, IsBefore: true })
                    working = Task.Run(() => worker.RunAsync(stop.Token), CancellationToken.None);
                return ValueTask.CompletedTask;
            },
        });

        await stop.CancelAsync();
        await working;
        Assert.Empty(outcome.ShouldSucceed().Warnings);
        Assert.Equal(24, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Equal(12, decisions.Count(decision => decision == LiveReplayDecision.Skip));
        Assert.DoesNotContain(LiveReplayDecision.Process, decisions);
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task A_run_that_dies_between_unmarking_and_recording_is_resumed_without_loss(string name)
    {
        await using var redis = await RealRedis.StartAsync(isCluster: true);
        IFoldProjection projection = name == "evaluationState" ? Evaluations : BillableEvents;
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync();

        // No account may record a completed aggregate from the second batch's unmarking on: as if the run died there.
        var died = await RunAsync(redis, projection, tenant, ThreeBatches with
        {
            Probe = async (boundary, _) =>
            {
                if (boundary == new ReplayBoundary(2, ReplayPhase.Unmark, IsBefore: true))
                    await redis.ExecuteAsync("ACL", "SETUSER", "default", "-sadd");
            },
        });
        await redis.ExecuteAsync("ACL", "SETUSER", "default", "+sadd");

        died.ShouldFailWith(ReplayError.RedisUnavailable);
        Assert.Equal(4, await redis.Database.SetLengthAsync($"projection-replay:completed:{name}"));
        Assert.Equal(0, await redis.Database.HashLengthAsync($"projection-replay:cutoff:{name}"));

        // While nobody resumes it, an event comes in late that a marker left behind would have live handlers skip.
        var late = tenant.Add(
            "evaluation",
            TestTenant.EvaluationId(4),
            "lw.evaluation.started",
            TestTenant.Start.AddMilliseconds(500),
            new JsonObject
            {
                ["evaluationId"] = TestTenant.EvaluationId(4),
                ["evaluatorId"] = "evaluator_1",
                ["evaluatorType"] = "custom/test",
            });
        await tenant.AppendAsync();
        Assert.Equal(
            LiveReplayDecision.Process,
            await new LiveReplayGate(redis.Database, name).DecideAsync(
                new AggregateKey(tenant.Id, "evaluation", TestTenant.EvaluationId(4)), late));
        if (projection == BillableEvents) await CountAsync(tenant);

        (await RunAsync(redis, projection, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed();

        await new StateOracle(servers, projection, tenant.Id).AssertStoredAsync();
        Assert.Equal("0", (await redis.ExecuteAsync("DBSIZE")).ToString());
    }

    private Task<ReplayOutcome> RunAsync(
        RealRedis redis,
        IFoldProjection projection,
        TestTenant tenant,
        ReplayOptions? options = null,
        PreviousRunAction previousRun = PreviousRunAction.Refuse,
        bool isRebuild = false) =>
        ReplayOutcome.RunAsync(
            servers,
            projection,
            tenant,
            options ?? ThreeBatches,
            previousRun,
            connections: With(redis),
            isRebuild: isRebuild,

            // What is left of the earlier run was made up here, without its rows.
            allowsLoss: previousRun == PreviousRunAction.Resume);

    /// <summary>Counts the late event as a live handler would.</summary>
    private async Task CountAsync(TestTenant tenant)
    {
        await using var command = servers.Postgres.CreateCommand(
            """UPDATE "TenantDailyBillableEvents" SET count = count + 1 WHERE "tenantId" = $1""");
        command.Parameters.AddWithValue(tenant.Id);
        Assert.Equal(1, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }

    private ReplayConnections With(RealRedis redis) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = servers.ClickHouseUrl,
        RedisUrl = redis.Url,
        DatabaseUrl = servers.DatabaseUrl,
    };
}

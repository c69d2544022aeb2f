using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>What live handlers see in Redis while a replay runs.</summary>
public sealed class MarkerProtocolTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "evaluationState";

    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Markers_go_from_pending_to_the_cutoff_and_away_where_a_live_job_is_staged()
    {
        var tenant = new TestTenant(servers).AddEvaluation("e1");
        await servers.Redis.SortedSetAddAsync(JobsKey(tenant, "e1"), "job-1", 1);
        var last = tenant.AddRaw(
            "evaluation", "e1", "lw.evaluation.completed", TestTenant.Start.AddMinutes(1), """{"evaluationId":"e1","status":"error"}""");
        tenant.AddRaw("evaluation", "e1", "lw.other", TestTenant.Start.AddMinutes(2), "{}");
        await tenant.AppendAsync();
        var seen = new Dictionary<(ReplayPhase, bool), string?>();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                seen[(boundary.Phase, boundary.IsBefore)] =
                    (await tenant.MarkersAsync(Projection)).GetValueOrDefault(tenant.AggregateKey("e1"));

                // The job meets its cutoff.
                if (boundary is { Phase: ReplayPhase.Settle, IsBefore: true }) await servers.Redis.KeyDeleteAsync(JobsKey(tenant, "e1"));
            },
        });

        outcome.ShouldSucceed();
        Assert.Null(seen[(ReplayPhase.Load, false)]);
        Assert.Null(seen[(ReplayPhase.Mark, true)]);
        Assert.Equal("pending", seen[(ReplayPhase.Mark, false)]);
        Assert.Equal("pending", seen[(ReplayPhase.Cutoff, true)]);
        Assert.Equal(last, seen[(ReplayPhase.Cutoff, false)]);
        Assert.Equal(last, seen[(ReplayPhase.Unmark, true)]);
        Assert.Null(seen[(ReplayPhase.Unmark, false)]);
    }

    [Fact]
    public async Task Markers_stay_pending_and_go_where_no_live_job_is_there_to_meet_a_cutoff()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await servers.Redis.SortedSetAddAsync(JobsKey(tenant, "e0001"), "job-1", 1);
        var seen = new Dictionary<(ReplayPhase, bool), IReadOnlyDictionary<string, string>>();

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                seen[(boundary.Phase, boundary.IsBefore)] = await tenant.MarkersAsync(Projection);
                if (boundary is { Phase: ReplayPhase.Settle, IsBefore: true }) await servers.Redis.KeyDeleteAsync(JobsKey(tenant, "e0001"));
            },
        })).ShouldSucceed();

        var marked = seen[(ReplayPhase.Unmark, true)];
        Assert.Equal(3, marked.Count);
        Assert.Equal("pending", marked[tenant.AggregateKey("e0000")]);
        Assert.NotEqual("pending", marked[tenant.AggregateKey("e0001")]);
        Assert.Equal("pending", marked[tenant.AggregateKey("e0002")]);
        Assert.Empty(seen[(ReplayPhase.Unmark, false)]);
    }

    [Fact]
    public async Task The_marker_hash_expires_after_seven_days()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        TimeSpan? lifetime = null;

        await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Mark, IsBefore: false })
                    lifetime = await servers.Redis.KeyTimeToLiveAsync($"projection-replay:cutoff:{Projection}");
            },
        });

        Assert.InRange(lifetime!.Value, TimeSpan.FromDays(6.9), TimeSpan.FromDays(7));
    }

    [Fact]
    public async Task Completed_aggregates_are_recorded_batch_by_batch()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var completed = new List<int>();

        await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            AggregateBatchSize = 1,
            Probe = async (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Unmark, IsBefore: false })
                    completed.Add((await tenant.CompletedAsync(Projection)).Count);
            },
        });

        Assert.Equal([1, 2, 3], completed);
        Assert.Empty(await tenant.CompletedAsync(Projection));
    }

    [Fact]
    public async Task Events_that_arrive_after_the_log_was_looked_at_are_left_to_the_live_handler()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary is not { Phase: ReplayPhase.CatchUp, IsBefore: false }) return;
                tenant.AddRaw(
                    "evaluation",
                    "e1",
                    "lw.evaluation.completed",
                    TestTenant.Start.AddHours(1),
                    """{"evaluationId":"e1","status":"error"}""");
                await tenant.AppendAsync();
            },
        });

        outcome.ShouldSucceed();
        Assert.Equal(3, outcome.Last.TotalEvents);
        Assert.Equal("processed", (await tenant.EvaluationsAsync())["e1"].GetProperty("Status").GetString());
    }

    [Theory]
    [InlineData("BeforeLateEvents", true)]
    [InlineData("AfterLateEvents", false)]
    public async Task A_late_event_is_folded_until_the_log_was_looked_at_and_the_live_handlers_afterwards(string moment, bool isFolded)
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        string? marker = null;

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Pause = async (_, at, _) =>
            {
                if (marker is not null || at != Enum.Parse<DelicateMoment>(moment)) return;
                marker = (await tenant.MarkersAsync(Projection))[tenant.AggregateKey("e1")];

                // Before the last event of the aggregate, and so before its cutoff.
                tenant.AddRaw(
                    "evaluation",
                    "e1",
                    "lw.evaluation.completed",
                    TestTenant.Start.AddMilliseconds(1),
                    """{"evaluationId":"e1","status":"error","error":"late"}""");
                await tenant.AppendAsync();
            },
        });

        // Nobody skips it: while it is looked for, and until the marker is gone, its job is put off.
        Assert.Equal("pending", marker);
        Assert.Equal(isFolded ? 4 : 3, outcome.ShouldSucceed().Last.TotalEvents);
        var oracle = new StateOracle(servers, Evaluations, tenant.Id);
        if (isFolded) await oracle.AssertStoredAsync();
        await oracle.AssertNothingLeftAsync();
    }

    [Fact]
    public async Task An_aggregate_whose_events_are_gone_is_not_marked()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        IReadOnlyDictionary<string, string>? marked = null;

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Load, IsBefore: true })
                {
                    await servers.ExecuteAsync($"DELETE FROM event_log WHERE TenantId = '{tenant.Id}' AND AggregateId = 'e0000'");
                }

                if (boundary is { Phase: ReplayPhase.Cutoff, IsBefore: false }) marked = await tenant.MarkersAsync(Projection);
            },
        });

        outcome.ShouldSucceed();
        Assert.Equal(tenant.AggregateKey("e0001"), Assert.Single(marked!).Key);
        Assert.Equal((1, 1), Counts(outcome));
        Assert.Empty(await tenant.MarkersAsync(Projection));

        static (int?, int?) Counts(ReplayOutcome outcome)
        {
            var cutoff = outcome.Entries.Single(entry => entry.Step == "cutoff-batch");
            return (cutoff.Count, cutoff.WithEvents);
        }
    }

    [Fact]
    public async Task A_job_in_flight_is_waited_for()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var active = ActiveKey(tenant, "e0001");
        await servers.Redis.StringSetAsync(active, "job-1");
        var running = ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        await WaitUntilAsync(async () => (await tenant.MarkersAsync(Projection)).Count == 2);
        Assert.All((await tenant.MarkersAsync(Projection)).Values, marker => Assert.Equal("pending", marker));
        Assert.Empty(await tenant.EvaluationsAsync());
        await servers.Redis.KeyDeleteAsync(active);

        (await running).ShouldSucceed();
        Assert.Equal(2, (await tenant.EvaluationsAsync()).Count);
    }

    [Fact]
    public async Task A_job_dispatched_after_the_mark_is_not_waited_for()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var active = ActiveKey(tenant, "e0000");
        await servers.Redis.StringSetAsync(active, "job-1");
        var running = ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        await WaitUntilAsync(async () => (await tenant.MarkersAsync(Projection)).Count == 1);

        // One job after the other, as a busy aggregate has them: each was dispatched after the mark.
        for (var job = 2; !running.IsCompleted; job++)
        {
            await servers.Redis.StringSetAsync(active, $"job-{job}");
            await Task.Delay(10);
        }

        (await running).ShouldSucceed();
        await servers.Redis.KeyDeleteAsync(active);
    }

    [Fact]
    public async Task A_job_that_was_deferred_is_waited_for_until_it_has_met_the_cutoff()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var jobs = JobsKey(tenant, "e0001");
        await servers.Redis.SortedSetAddAsync(jobs, "job-1", 1);
        var running = ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        await WaitUntilAsync(async () => (await tenant.MarkersAsync(Projection)).Values.Any(marker => marker != "pending"));
        Assert.Empty(await tenant.EvaluationsAsync());
        await servers.Redis.KeyDeleteAsync(jobs);

        Assert.Empty((await running).ShouldSucceed().Warnings);
        Assert.Equal(2, (await tenant.EvaluationsAsync()).Count);
    }

    [Fact]
    public async Task A_job_that_has_met_the_cutoff_and_is_put_off_again_and_again_holds_up_nothing()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var jobs = JobsKey(tenant, "e0000");
        await servers.Redis.SortedSetAddAsync(jobs, "job-1", 1);
        var running = ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        await WaitUntilAsync(async () => (await tenant.MarkersAsync(Projection)).Values.Any(marker => marker != "pending"));
        while (!running.IsCompleted) await servers.Redis.SortedSetIncrementAsync(jobs, "job-1", 1);

        Assert.Empty((await running).ShouldSucceed().Warnings);
        Assert.Single(await tenant.EvaluationsAsync());
        await servers.Redis.KeyDeleteAsync(jobs);
    }

    [Fact]
    public async Task Jobs_behind_one_that_keeps_its_place_in_the_queue_hold_up_nothing()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var jobs = JobsKey(tenant, "e0000");
        await servers.Redis.SortedSetAddAsync(jobs, [new("job-1", 1), new("job-2", 2), new("job-last", 3)]);
        var running = ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions { DrainTimeout = TimeSpan.FromMinutes(2) });

        await WaitUntilAsync(async () => (await tenant.MarkersAsync(Projection)).Values.Any(marker => marker != "pending"));

        // The first is skipped; the second is for an event after the cutoff, and put off to its old place time and again.
        await servers.Redis.SortedSetRemoveAsync(jobs, "job-1");
        Assert.False(running.IsCompleted);
        for (var attempt = 2; !running.IsCompleted; attempt++)
        {
            var transaction = servers.Redis.CreateTransaction();
            _ = transaction.SortedSetRemoveRangeByScoreAsync(jobs, 2, 2);
            _ = transaction.SortedSetAddAsync(jobs, $"job-{attempt}", 2);
            await transaction.ExecuteAsync();
        }

        Assert.Empty((await running).ShouldSucceed().Warnings);
        await servers.Redis.KeyDeleteAsync(jobs);
    }

    [Fact]
    public async Task Staged_jobs_that_no_worker_takes_up_are_told_of_and_hold_up_the_run_once()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var jobs = JobsKey(tenant, "e0000");
        await servers.Redis.SortedSetAddAsync(jobs, "job-1", 1);

        var outcome = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, new ReplayOptions { DrainTimeout = TimeSpan.FromMilliseconds(300), AggregateBatchSize = 1 });

        Assert.Contains("no worker takes them up", Assert.Single(outcome.ShouldSucceed().Warnings), StringComparison.Ordinal);
        await servers.Redis.KeyDeleteAsync(jobs);
    }

    [Fact]
    public async Task A_job_that_is_put_off_for_long_does_not_keep_later_batches_from_settling()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var (putOff, staged) = (JobsKey(tenant, "e0000"), JobsKey(tenant, "e0001"));
        await servers.Redis.SortedSetAddAsync(putOff, "job-1", 1);
        await servers.Redis.SortedSetAddAsync(staged, "job-2", 1);
        string? marker = null;
        var tries = Task.CompletedTask;

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            DrainTimeout = TimeSpan.FromSeconds(3),
            AggregateBatchSize = 1,
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(2, ReplayPhase.Settle, IsBefore: true)) return;
                marker = (await tenant.MarkersAsync(Projection))[tenant.AggregateKey("e0001")];
                tries = DeleteLaterAsync();
            },
        });

        await tries;
        Assert.Contains("put off for longer", Assert.Single(outcome.ShouldSucceed().Warnings), StringComparison.Ordinal);
        Assert.NotEqual("pending", marker);
        Assert.Single(outcome.Verbose, text => text.Contains("were not tried", StringComparison.Ordinal));
        await servers.Redis.KeyDeleteAsync(putOff);

        // Less than the two seconds that the second batch has at least.
        async Task DeleteLaterAsync()
        {
            await Task.Delay(300);
            await servers.Redis.KeyDeleteAsync(staged);
        }
    }

    [Theory]
    [InlineData("evaluationState", "Replay these aggregates once more")]
    [InlineData("tenantDailyBillableEvents", "-Rebuild")]
    public async Task Markers_that_vanish_fail_the_batch_which_does_not_count_as_completed(string name, string advice)
    {
        var projection = name == Projection ? (IFoldProjection)Evaluations : TenantDailyBillableEventsProjection.ForTenants();
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, projection, tenant, new ReplayOptions
        {
            AggregateBatchSize = 3,
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(2, ReplayPhase.Store, IsBefore: true)) return;
                await servers.Redis.HashDeleteAsync($"projection-replay:cutoff:{name}", tenant.AggregateKey("e0004"));
            },
        });

        outcome.ShouldFailWith(ReplayError.MarkersLost);
        Assert.Contains("Of 3 markers in Redis 1 were gone", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains(advice, outcome.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(3, (await tenant.CompletedAsync(name)).Count);
        Assert.Empty(await tenant.MarkersAsync(name));
        (await ReplayOutcome.RunAsync(servers, projection, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed();
        await new StateOracle(servers, projection, tenant.Id).AssertNothingLeftAsync();
    }

    [Theory]
    [InlineData("ClickHouse")]
    [InlineData("Redis")]
    public async Task A_server_that_stops_answering_does_not_hold_marked_aggregates_for_ever(string server)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var faulty = Enum.Parse<Server>(server);
        await using var linked = new LinkedServers(servers, faulty);
        var phase = faulty == Server.Redis ? ReplayPhase.Unmark : ReplayPhase.Store;
        var restoring = Task.CompletedTask;

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            new ReplayOptions
            {
                PhaseDeadline = TimeSpan.FromSeconds(2),
                DrainTimeout = TimeSpan.Zero,
                LockExpiry = TimeSpan.FromMinutes(2),
                Probe = (boundary, _) =>
                {
                    if (boundary.Phase == phase && boundary.IsBefore) restoring = StallAsync(linked.Link);
                    return ValueTask.CompletedTask;
                },
            },
            connections: linked.Connections);

        await restoring;
        outcome.ShouldFailWith(ReplayError.PhaseTooSlow);
        Assert.Contains($"Phase {phase}", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed();

        // Redis has to be there again for the markers to be removed.
        static async Task StallAsync(FaultyLink link)
        {
            link.Stall();
            await Task.Delay(TimeSpan.FromSeconds(4));
            link.Restore();
        }
    }

    [Fact]
    public async Task A_reader_that_pauses_does_not_hold_up_what_is_marked()
    {
        const int Aggregates = 200;
        var tenant = await new TestTenant(servers).AddEvaluations(Aggregates).AppendAsync();
        var messages = new ReplayMessages();
        var request = new ReplayRequest
        {
            Projection = Evaluations,
            TenantId = tenant.Id,
            Since = TestTenant.Start,
            Options = new ReplayOptions { AggregateBatchSize = 1, StagingGrace = TimeSpan.Zero },
        };
        await using var run = await new ReplayEngine(servers.Connections).PrepareAsync(
            request, isDryRun: false, messages, TestContext.Current.CancellationToken);

        // Nobody reads.
        await run.ExecuteAsync(PreviousRunAction.Refuse, TestContext.Current.CancellationToken);

        messages.Complete();
        var steps = await messages.Reader.ReadAllAsync(TestContext.Current.CancellationToken).OfType<ReplayLogMessage>().CountAsync(
            TestContext.Current.CancellationToken);
        Assert.True(steps > Aggregates * 5, $"There should have been more than {steps} steps.");
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task A_job_that_does_not_end_fails_the_batch_by_name_and_leaves_no_marker()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var active = ActiveKey(tenant, "e0001");
        await servers.Redis.StringSetAsync(active, "stuck");

        var outcome = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, new ReplayOptions { DrainTimeout = TimeSpan.FromMilliseconds(300) });

        outcome.ShouldFailWith(ReplayError.DrainTimeout);
        Assert.Contains(tenant.AggregateKey("e0001"), outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(tenant.AggregateKey("e0000"), outcome.Exception.Message, StringComparison.Ordinal);
        Assert.Equal("error", outcome.Last.Step);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Empty(await tenant.EvaluationsAsync());
        await servers.Redis.KeyDeleteAsync(active);
    }

    private static string JobsKey(TestTenant tenant, string evaluationId) =>
        ActiveKey(tenant, evaluationId).Replace(":active", ":jobs", StringComparison.Ordinal);

    private static string ActiveKey(TestTenant tenant, string evaluationId) =>
        $"{{evaluation_processing/projection/evaluationState}}:gq:group:{tenant.AggregateKey(evaluationId)}:active";

    private static async Task WaitUntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!await condition()) await Task.Delay(10, patience.Token);
    }
}

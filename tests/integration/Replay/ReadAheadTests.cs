using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>Batches that are read with one query, before their aggregates are marked.</summary>
public sealed class ReadAheadTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "evaluationState";

    private static readonly EvaluationStateProjection Evaluations = new();

    [Theory]
    [InlineData(ReplayPhase.Load, 2)]
    [InlineData(ReplayPhase.Mark, 2)]
    [InlineData(ReplayPhase.Mark, 50)]
    public async Task Events_that_arrive_before_the_mark_are_folded_however_early_the_batch_was_read(ReplayPhase phase, int grown)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(100).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            AggregateBatchSize = 50,
            Probe = async (boundary, _) =>
            {
                // The second batch is read with the query of the first.
                if (boundary != new ReplayBoundary(2, phase, IsBefore: phase == ReplayPhase.Mark)) return;
                for (var i = 100 - grown; i < 100; i++)
                {
                    var id = TestTenant.EvaluationId(i);
                    tenant.AddRaw(
                        "evaluation",
                        id,
                        "lw.evaluation.completed",
                        TestTenant.Start.AddHours(1),
                        $$"""{"evaluationId":"{{id}}","status":"error"}""");
                }

                await tenant.AppendAsync();
            },
        });

        Assert.Equal((300 + grown, 100), (outcome.ShouldSucceed().Last.TotalEvents, outcome.Last.AggregatesReplayed));
        Assert.Equal("error", (await tenant.EvaluationsAsync())["e0099"].GetProperty("Status").GetString());
        await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
    }

    [Fact]
    public async Task An_aggregate_that_is_born_while_batches_are_read_is_left_to_the_live_handler_unless_it_is_read_with_them()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            AggregateBatchSize = 2,
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Load, IsBefore: true)) return;

                // Within the first batch, between the two, and behind the last.
                foreach (var id in new[] { "e0000x", "e0001x", "e0003x" }) tenant.AddEvaluation(id);
                await tenant.AppendAsync();
            },
        });

        Assert.Equal((5, 15), (outcome.ShouldSucceed().Last.AggregatesReplayed, outcome.Last.TotalEvents));
        Assert.Equal(["e0000", "e0000x", "e0001", "e0002", "e0003"], (await tenant.EvaluationsAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task A_query_that_was_left_waiting_is_begun_anew_and_nothing_is_read_twice_or_left_out()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(40).AppendAsync();
        var clock = new LeapingTime();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, timeProvider: clock, options: new ReplayOptions
        {
            AggregateBatchSize = 4,

            // The clock of the lock leaps as well.
            LockExpiry = TimeSpan.FromHours(1),
            Probe = async (boundary, _) =>
            {
                if (boundary is not { Phase: ReplayPhase.Load, IsBefore: false }) return;

                // What comes in now the query at hand does not see, and the next one does.
                var id = TestTenant.EvaluationId(39);
                tenant.AddRaw(
                    "evaluation",
                    id,
                    "lw.evaluation.completed",
                    TestTenant.Start.AddHours(boundary.Batch),
                    $$"""{"evaluationId":"{{id}}","status":"error"}""");
                await tenant.AppendAsync();
                clock.Leap(TimeSpan.FromSeconds(11));
            },
        });

        Assert.Equal((40, 120 + 10), (outcome.ShouldSucceed().Last.AggregatesReplayed, (int)outcome.Last.TotalEvents!));
        Assert.Equal(1, outcome.Verbose.Count(text => text.Contains("got events since they were read", StringComparison.Ordinal)));
        await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
    }

    /// <summary>A clock that can be put forward.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private long _leapt;

        public void Leap(TimeSpan by) => Interlocked.Add(ref _leapt, (long)(by.TotalSeconds * TimestampFrequency));

        public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _leapt);
    }
}

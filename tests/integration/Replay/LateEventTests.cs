using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>Events that come in late, again and again, or while as many expire.</summary>
public sealed class LateEventTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Theory]
    [InlineData(3, true)]
    [InlineData(100, false)]
    public async Task Looks_that_take_long_are_no_reason_to_leave_a_late_event_out(int late, bool isFolded)
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AppendAsync();
        var looks = 0;
        var jobs = JobsKey(tenant, "e1");
        await servers.Redis.SortedSetAddAsync(jobs, "job", 1);
        var options = new ReplayOptions { DrainTimeout = TimeSpan.FromMilliseconds(400) };
        options = options with
        {
            Probe = async (boundary, _) =>
            {
                // The job meets its cutoff.
                if (boundary == new ReplayBoundary(1, ReplayPhase.Cutoff, IsBefore: false)) await servers.Redis.KeyDeleteAsync(jobs);
            },
            Pause = async (_, at, token) =>
            {
                // The first one is that of catching up.
                if (at != DelicateMoment.BeforeLateEvents || ++looks == 1 || looks > late + 1) return;
                await Task.Delay(options.DrainTimeout * (looks == 2 ? 2 : 0.1), token);
                tenant.AddRaw(
                    "evaluation",
                    "e1",
                    "lw.evaluation.completed",
                    TestTenant.Start.AddMilliseconds(looks),
                    """{"evaluationId":"e1","status":"error","error":"late"}""");
                await tenant.AppendAsync();
            },
        };

        var outcome = (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, options)).ShouldSucceed();

        Assert.Equal(!isFolded, outcome.Warnings.Any(warning => warning.Contains("kept coming in late", StringComparison.Ordinal)));
        if (isFolded) Assert.Equal(3 + late, outcome.Last.TotalEvents);
        if (isFolded) await new StateOracle(servers, Evaluations, tenant.Id).AssertStoredAsync();
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    [Theory]
    [InlineData("e0004")]
    [InlineData("e0001")]
    public async Task As_many_new_rows_as_expire_are_found(string growing)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();
        await servers.ExecuteAsync("ALTER TABLE event_log MODIFY TTL toDateTime(CreatedAt) + INTERVAL 9 YEAR");
        try
        {
            var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
            {
                Probe = async (boundary, _) =>
                {
                    if (boundary != new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) return;
                    await servers.ExecuteAsync($"""
                        ALTER TABLE event_log DELETE WHERE TenantId = '{tenant.Id}' AND AggregateId = 'e0001'
                            AND EventType = 'lw.evaluation.started'
                        SETTINGS mutations_sync = 1
                        """);
                    tenant.AddRaw(
                        "evaluation",
                        growing,
                        "lw.evaluation.completed",
                        TestTenant.Start.AddHours(1),
                        $$"""{"evaluationId":"{{growing}}","status":"error"}""");
                    await tenant.AppendAsync();
                },
            });

            outcome.ShouldSucceed();
            Assert.Equal("error", (await tenant.EvaluationsAsync())[growing].GetProperty("Status").GetString());
        }
        finally
        {
            await servers.ExecuteAsync("ALTER TABLE event_log REMOVE TTL");
        }
    }

    private static string JobsKey(TestTenant tenant, string id) =>
        $"{Evaluations.Definition.QueueName}:gq:group:{tenant.AggregateKey(id)}:jobs";
}

using System.Globalization;
using ProjectionReplay.Comparison;
using ProjectionReplay.Configuration;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>
/// One answer of ClickHouse, or every one from then on, goes wrong at any point: the run never says that it is complete when
/// it is not, loses no row, and can be resumed.
/// </summary>
[Trait("Set", "Nightly")]
public sealed class AnswerFaultTests(TestServers servers) : IClassFixture<TestServers>
{
    private const int CasesPerSeed = 10;
    private const int Evaluations = 12;

    private static readonly EvaluationStateProjection Rows = new();
    private static readonly TenantDailyBillableEventsProjection Counters = TenantDailyBillableEventsProjection.ForTenants();

    private static readonly ReplayOptions Options = new() { AggregateBatchSize = 4, Concurrency = 2 };

    public static TheoryData<int> Seeds { get; } = FaultSchedule.Seeds(FaultSchedule.Answers, percent: 100);

    private enum Work
    {
        ReplayOfRows,
        ReplayOverHistory,
        ReplayOfCounters,
        Rebuild,
        DryRun,
        Comparison,
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task An_answer_that_goes_wrong_is_never_taken_for_whole(int seed)
    {
        var random = FaultSchedule.Random(seed);
        await using var hostile = await HostileClickHouse.StartAsync(servers.ClickHouseUrl);
        var tenants = await TestTenant.AppendAsync(servers, CasesPerSeed + 1, Evaluations);
        var replayed = tenants[CasesPerSeed];
        (await ReplayOutcome.RunAsync(servers, Rows, replayed, Options)).ShouldSucceed();
        for (var i = 0; i < CasesPerSeed; i++)
        {
            var work = Pick<Work>(random);
            var kind = Pick<AnswerFault>(random);
            var plan = random.Next(2) == 0
                ? new AnswerPlan(kind, AfterRows: random.Next(Evaluations * 3))
                : new AnswerPlan(kind, AfterBytes: random.Next(random.Next(3) == 0 ? 20_000 : 400));
            var (query, isLasting) = (random.Next(30), random.Next(3) == 0);
            var story = string.Create(
                CultureInfo.InvariantCulture,
                $"REPLAY_TEST_SEED={seed}, case {i}: {work}, {plan}, query {query}{(isLasting ? " and all after it" : "")}");
            var number = -1;
            hostile.Judge = _ =>
            {
                var current = Interlocked.Increment(ref number);
                return current == query || (isLasting && current > query) ? plan : null;
            };
            await TryAsync(work, hostile, tenants[i], replayed, story);
            hostile.Judge = _ => null;
        }
    }

    private async Task TryAsync(Work work, HostileClickHouse hostile, TestTenant tenant, TestTenant replayed, string story)
    {
        switch (work)
        {
            case Work.DryRun:
                var dry = await RunAsync(Rows, replayed, hostile, isDryRun: true);
                if (dry.Exception is null)
                {
                    Assert.True(
                        (dry.Plan!.AggregateCount, dry.Plan.EventCount) == (Evaluations, Evaluations * 3L),
                        $"{story}: planned {dry.Plan.AggregateCount} aggregates with {dry.Plan.EventCount} events");
                }

                ShouldBeNamed(dry.Exception, story);
                break;
            case Work.Comparison:
                var compared = await ComparisonOutcome.RunAsync(
                    servers, Rows, replayed, connections: Through(hostile), timeProvider: new HastyTime());
                Assert.True(compared.Differences.Count == 0, $"{story}: found {string.Join("; ", compared.Differences)}");
                ShouldBeNamed(compared.Exception, story);
                break;
            case Work.ReplayOverHistory:
                await TryReplayOverHistoryAsync(hostile, tenant, story);
                break;
            default:
                await TryReplayAsync(work, hostile, tenant, story);
                break;
        }
    }

    private async Task TryReplayAsync(Work work, HostileClickHouse hostile, TestTenant tenant, string story)
    {
        IFoldProjection projection = work == Work.ReplayOfRows ? Rows : Counters;
        if (work == Work.Rebuild) (await ReplayOutcome.RunAsync(servers, projection, tenant, Options)).ShouldSucceed();
        var oracle = new StateOracle(servers, projection, tenant.Id);
        var outcome = await RunAsync(projection, tenant, hostile, isRebuild: work == Work.Rebuild);
        ShouldBeNamed(outcome.Exception, story);
        if (outcome.Exception is not null)
        {
            var markers = await tenant.MarkersAsync(projection.Definition.Name);
            Assert.True(markers.Count == 0, $"{story}: {markers.Count} markers are left by a run that failed with {outcome.Exception}");
            hostile.Judge = _ => null;
            var next = await RunAsync(projection, tenant, hostile, isRebuild: work == Work.Rebuild, PreviousRunAction.Resume);
            Assert.True(next.Exception is null, $"{story}: the next run failed as well: {next.Exception}");
        }

        await oracle.AssertStoredAsync($"{story}: {outcome.Exception?.Message ?? "complete"}");
        await oracle.AssertNothingLeftAsync(story);
    }

    /// <summary>The first events of one aggregate have expired, and its row knows of them.</summary>
    private async Task TryReplayOverHistoryAsync(HostileClickHouse hostile, TestTenant tenant, string story)
    {
        tenant.AddRaw(
            "evaluation",
            "e0005x",
            "lw.evaluation.completed",
            TestTenant.Start.AddDays(1),
            """{"evaluationId":"e0005x","status":"error"}""");
        await tenant.AppendAsync();
        await servers.ExecuteAsync($"""
            INSERT INTO evaluation_states (TenantId, EvaluationId, EvaluatorName, ScheduledAt)
            VALUES ('{tenant.Id}', 'e0005x', 'kept', '2025-01-01 00:00:00'), ('{tenant.Id}', 'e0006', 'stale', NULL)
            """);
        var outcome = await RunAsync(Rows, tenant, hostile);
        ShouldBeNamed(outcome.Exception, story);
        if (outcome.Exception is not null)
        {
            Assert.True((await tenant.MarkersAsync("evaluationState")).Count == 0, $"{story}: markers are left");
            hostile.Judge = _ => null;
            outcome = await RunAsync(Rows, tenant, hostile, previousRun: PreviousRunAction.Resume);
            Assert.True(outcome.Exception is null, $"{story}: the next run failed as well: {outcome.Exception}");
        }

        var rows = await tenant.EvaluationsAsync();
        Assert.True(rows.Count == Evaluations + 1, $"{story}: {rows.Count} rows");
        Assert.True(rows["e0005x"].GetProperty("EvaluatorName").GetString() == "kept", $"{story}: a row was blanked");
        Assert.All(
            rows.Values.Where(row => row.GetProperty("EvaluationId").GetString() != "e0005x"),
            row => Assert.True(row.GetProperty("Status").GetString() == "processed", $"{story}: {row}"));
        Assert.True(outcome.Last.SetAside == 1, $"{story}: {outcome.Last.SetAside} set aside");
    }

    private Task<ReplayOutcome> RunAsync(
        IFoldProjection projection,
        TestTenant tenant,
        HostileClickHouse hostile,
        bool isRebuild = false,
        PreviousRunAction previousRun = PreviousRunAction.Refuse,
        bool isDryRun = false) => ReplayOutcome.RunAsync(
            servers,
            projection,
            tenant,
            Options,
            previousRun,
            isDryRun: isDryRun,
            isRebuild: isRebuild,
            connections: Through(hostile),
            timeProvider: new HastyTime());

    private ReplayConnections Through(HostileClickHouse hostile) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = hostile.Url,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = servers.DatabaseUrl,
    };

    /// <summary>A run may fail, but with an error that says what is wrong with ClickHouse.</summary>
    private static void ShouldBeNamed(Exception? exception, string story) => Assert.True(
        exception is null or ReplayException { Error: ReplayError.AnswerIncomplete or ReplayError.ClickHouseUnavailable },
        $"{story}: ended with {exception}");

    private static T Pick<T>(Random random)
        where T : struct, Enum
    {
        var values = Enum.GetValues<T>();
        return values[random.Next(values.Length)];
    }
}

using System.Text.Json.Nodes;
using ProjectionReplay.Live;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>A comparison of latest rows beside a live system: what has only just come in is no difference.</summary>
public sealed class MovingRowTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task A_row_that_is_ahead_of_the_events_that_were_read_is_no_difference()
    {
        var tenant = await ReplayedAsync();

        var outcome = await CompareAsync(tenant, async look =>
        {
            if (look == 1) await LiveEventAsync(tenant, "e0001", look);
        });

        Assert.Empty(outcome.ShouldSucceed().Lines);
        Assert.Empty(outcome.Warnings);
    }

    [Fact]
    public async Task A_row_that_a_live_handler_is_about_to_write_is_no_difference()
    {
        var tenant = await ReplayedAsync();
        tenant.Add(
            "evaluation",
            "e0001",
            "lw.evaluation.completed",
            TestTenant.Start.AddMinutes(1),
            new JsonObject { ["evaluationId"] = "e0001", ["status"] = "error" });
        await tenant.AppendAsync();
        var handling = Task.CompletedTask;

        // The comparison gives the handler a minute, which is over when the handler is done.
        var outcome = await CompareAsync(
            tenant,
            look =>
            {
                if (look == 1) handling = Task.Delay(100).ContinueWith(_ => ReplayAsync(tenant), TaskScheduler.Default).Unwrap();
                return Task.CompletedTask;
            },
            LiveTime.Promise,
            new LiveTime(() => handling));

        await handling;
        Assert.Empty(outcome.ShouldSucceed().Lines);
    }

    [Fact]
    public async Task A_row_that_was_wrong_before_is_told_though_events_come_in()
    {
        var tenant = await ReplayedAsync();
        await servers.ExecuteAsync($"""
            INSERT INTO evaluation_states
            SELECT * REPLACE ('x' AS EvaluatorName, addDays(UpdatedAt, 1) AS UpdatedAt)
            FROM evaluation_states FINAL
            WHERE TenantId = '{tenant.Id}' AND EvaluationId = 'e0002'
            """);

        var outcome = await CompareAsync(tenant, async look =>
        {
            if (look == 1) await LiveEventAsync(tenant, "e0001", look);
        });

        Assert.Equal(["Different e0002 EvaluatorName null x"], outcome.ShouldSucceed().Lines);
    }

    [Fact]
    public async Task An_aggregate_that_never_pauses_is_named_in_a_warning()
    {
        var tenant = await ReplayedAsync();

        var outcome = await CompareAsync(tenant, look => LiveEventAsync(tenant, "e0001", look));

        Assert.Empty(outcome.ShouldSucceed().Lines);
        Assert.Contains("'e0001'", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_aggregate_born_meanwhile_is_no_stray()
    {
        var tenant = await ReplayedAsync();

        var outcome = await CompareAsync(tenant, async look =>
        {
            await tenant.AddEvaluation($"zz{look}").AppendAsync();
            await ReplayAsync(tenant);
        });

        Assert.Empty(outcome.ShouldSucceed().Lines);
        Assert.Equal(4, (await tenant.EvaluationsAsync()).Count);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(2, true)]
    public async Task Live_handlers_are_waited_for_only_where_events_have_only_just_come_in(int minutes, bool isWaited)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var waits = 0;

        var outcome = await ComparisonOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            request => request with
            {
                Grace = TimeSpan.FromMinutes(5),
                Options = new ReplayOptions { StagingGrace = TimeSpan.FromMinutes(minutes) },
            },
            timeProvider: new LiveTime(() =>
            {
                waits++;
                return Task.CompletedTask;
            }));

        Assert.Equal(3, outcome.ShouldSucceed().Differences.Count);
        Assert.Equal(isWaited, waits > 0);
    }

    private async Task<TestTenant> ReplayedAsync()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await ReplayAsync(tenant);
        return tenant;
    }

    private Task<ComparisonOutcome> CompareAsync(
        TestTenant tenant, Func<int, Task> pause, TimeSpan grace = default, TimeProvider? timeProvider = null) =>
        ComparisonOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            request => request with { Grace = grace, Pause = async (look, _) => await pause(look) },
            timeProvider: timeProvider);

    /// <summary>An event comes in, and a live handler folds it.</summary>
    private async Task LiveEventAsync(TestTenant tenant, string id, int minutes)
    {
        tenant.Add(
            "evaluation",
            id,
            "lw.evaluation.completed",
            TestTenant.Start.AddMinutes(minutes),
            new JsonObject { ["evaluationId"] = id, ["status"] = "error", ["error"] = $"{minutes}" });
        await tenant.AppendAsync();
        await ReplayAsync(tenant, [id]);
    }

    private async Task ReplayAsync(TestTenant tenant, IReadOnlyList<string>? ids = null) =>
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ids)).ShouldSucceed();
}

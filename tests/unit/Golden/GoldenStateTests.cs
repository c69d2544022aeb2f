using System.Text.Json;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Golden;

public sealed class GoldenStateTests
{
    [Fact]
    public async Task Evaluations_fold_to_the_golden_states() =>
        await AssertAggregatesMatchAsync(new EvaluationStateProjection(), "evaluationState");

    [Fact]
    public async Task Experiment_runs_fold_to_the_golden_states() =>
        await AssertAggregatesMatchAsync(new ExperimentRunStateProjection(), "experimentRunState");

    [Fact]
    public async Task Traces_fold_to_the_golden_states()
    {
        foreach (var prices in GoldenFiles.PriceTables().Values)
        {
            // A topic without a span is a state too, but nothing to store.
            await AssertAggregatesMatchAsync(
                new TraceSummaryProjection(new Lazy<ModelPrices>(prices)),
                "traceSummary",
                state => state.GetProperty("SpanCount").GetInt32() > 0);
        }
    }

    [Fact]
    public void A_topic_without_a_span_folds_to_its_golden_state()
    {
        var (id, golden) = Assert.Single(GoldenFiles.States("traceSummary"), state => state.Value.GetProperty("SpanCount").GetInt32() == 0);
        var projection = new TraceSummaryProjection(new Lazy<ModelPrices>(GoldenFiles.PriceTables().Values.First()));
        var rows = GoldenFiles.Events()
            .Where(row => row.Aggregate.AggregateId == id && projection.Definition.EventTypes.Contains(row.EventType))
            .OrderBy(row => row.Timestamp)
            .ToList();
        var state = projection.CreateState(rows[0].ToReplayEvent());
        foreach (var row in rows) state = projection.Apply(state, row.ToReplayEvent());

        StateAssert.Matches(golden, state, id);
        Assert.False(projection.ShouldStore(state));
    }

    [Fact]
    public async Task Billable_events_count_to_the_golden_states()
    {
        await AssertCountersMatchAsync(
            TenantDailyBillableEventsProjection.ForTenants(),
            "projectDailyBillableEvents",
            state => state.Count,
            state => state.LastEventTimestamp);
        await AssertCountersMatchAsync(
            TenantDailyBillableEventsProjection.ForProjects(),
            "projectDailyBillableEvents",
            state => state.Count,
            state => state.LastEventTimestamp);
    }

    [Fact]
    public async Task Spans_count_by_SDK_to_the_golden_states()
    {
        await AssertCountersMatchAsync(
            TenantDailyEventStatsProjection.ForTenants(), "projectDailySdkUsage", state => state.Count, state => state.LastEventTimestamp);
        await AssertCountersMatchAsync(
            TenantDailyEventStatsProjection.ForProjects(), "projectDailySdkUsage", state => state.Count, state => state.LastEventTimestamp);
    }

    [Fact]
    public async Task An_event_that_was_inserted_twice_is_folded_once()
    {
        var rows = GoldenFiles.Events();
        var states = await new ExperimentRunStateProjection().FoldAsync(rows.Concat(rows));
        Assert.All(GoldenFiles.States("experimentRunState"), golden =>
            StateAssert.Matches(golden.Value, states.Single(state => state.Key == golden.Key).State, golden.Key));
    }

    private static async Task AssertAggregatesMatchAsync<TState>(
        FoldProjection<TState> projection, string golden, Func<JsonElement, bool>? isStored = null)
        where TState : class
    {
        var expected = GoldenFiles.States(golden).Where(state => isStored?.Invoke(state.Value) ?? true).ToDictionary();
        var states = await projection.FoldAsync(GoldenFiles.Events());
        Assert.Equal(expected.Keys.Order(), states.Select(state => state.Key).Order());
        Assert.All(states, state => StateAssert.Matches(expected[state.Key], state.State, state.Key));
    }

    private static async Task AssertCountersMatchAsync<TState>(
        FoldProjection<TState> projection, string golden, Func<TState, int> count, Func<TState, long> lastEventTimestamp)
        where TState : class
    {
        var expected = GoldenFiles.States(golden);
        var states = (await projection.FoldAsync(GoldenFiles.Events())).GroupBy(state => state.Key).ToList();
        Assert.Equal(expected.Keys.Order(), states.Select(state => state.Key).Order());
        foreach (var group in states)
        {
            var state = expected[group.Key];
            Assert.Equal(state.GetProperty("count").GetInt32(), group.Sum(part => count(part.State)));
            Assert.Equal(state.GetProperty("lastEventTimestamp").GetInt64(), group.Max(part => lastEventTimestamp(part.State)));
            Assert.All(group, part => StateAssert.Matches(state, part.State, group.Key, except: ["count", "lastEventTimestamp"]));
        }
    }
}

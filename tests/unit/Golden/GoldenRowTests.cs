using System.Text.Json;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Golden;

public sealed class GoldenRowTests
{
    [Fact]
    public async Task Evaluations_are_stored_as_the_golden_rows()
    {
        var states = await new EvaluationStateProjection().FoldAsync(GoldenFiles.Events("events.storable.jsonl"));
        AssertRowsMatch(EvaluationStateTable.Rows, states, "EvaluationId");
    }

    [Fact]
    public async Task Experiment_runs_are_stored_as_the_golden_rows()
    {
        var states = await new ExperimentRunStateProjection().FoldAsync(GoldenFiles.Events("events.storable.jsonl"));
        AssertRowsMatch(ExperimentRunTable.Rows, states, "RunId");
    }

    [Fact]
    public async Task Traces_are_stored_as_the_golden_rows()
    {
        foreach (var prices in GoldenFiles.PriceTables().Values)
        {
            var states = await new TraceSummaryProjection(new Lazy<ModelPrices>(prices)).FoldAsync(
                GoldenFiles.Events("events.storable.jsonl"));
            AssertRowsMatch(TraceSummaryTable.Rows, states, "TraceId");
        }
    }

    [Fact]
    public async Task Billable_events_are_stored_as_the_golden_counters()
    {
        var projection = TenantDailyBillableEventsProjection.ForProjects();
        AssertCountersMatch(
            projection.Definition.Name, projection.Counters, await projection.FoldAsync(GoldenFiles.Events("events.storable.jsonl")));
    }

    [Fact]
    public async Task Spans_by_SDK_are_stored_as_the_golden_counters()
    {
        var projection = TenantDailyEventStatsProjection.ForProjects();
        AssertCountersMatch(
            projection.Definition.Name, projection.Counters, await projection.FoldAsync(GoldenFiles.Events("events.storable.jsonl")));
    }

    private static void AssertRowsMatch<TState>(LatestRowTable<TState> table, IReadOnlyList<ProjectedState<TState>> states, string idColumn)
        where TState : class
    {
        var golden = GoldenFiles.Rows(table.Name);
        Assert.Equal(golden.Count, states.Count);
        foreach (var expected in golden)
        {
            var id = expected.GetProperty(idColumn).GetString()!;
            var state = states.Single(state => state.Key == id);
            StoredRow.AssertMatches(expected, table.Store(state), id);
        }
    }

    private static void AssertCountersMatch<TState>(
        string projection, CounterTable<TState> table, IReadOnlyList<ProjectedState<TState>> states)
        where TState : class
    {
        var golden = GoldenFiles.Rows("postgres_counters")
            .Where(row => row.GetProperty("table").GetString() == projection)
            .ToDictionary(row => row.GetProperty("id").GetString()!);
        var counters = states.GroupBy(state => state.Key).ToList();
        Assert.Equal(golden.Keys.Order(), counters.Select(counter => counter.Key).Order());
        foreach (var counter in counters)
        {
            var row = golden[counter.Key];
            Assert.Equal(row.GetProperty("count").GetInt32(), counter.Sum(state => table.Count(state.State)));
            Assert.Equal(row.GetProperty("lastEventTimestamp").GetInt64(), counter.Max(state => table.LastEventTimestamp(state.State)));
            Assert.Equal(KeyColumns(row), table.KeyColumns.Select(column => (column.Name, column.Value(counter.First().State))));
        }
    }

    private static IEnumerable<(string Name, string Value)> KeyColumns(JsonElement row) =>
        from column in row.EnumerateObject()
        where column.Name is "projectId" or "date" or "sdkName" or "sdkVersion" or "sdkLanguage"
        select (column.Name, column.Value.GetString()!);
}

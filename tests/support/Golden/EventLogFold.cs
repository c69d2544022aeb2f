using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Golden;

/// <summary>Folds an event_log that is in memory as a replay does: by aggregate, in key order, each event id once.</summary>
internal static class EventLogFold
{
    public static async Task<IReadOnlyList<ProjectedState<TState>>> FoldAsync<TState>(
        this FoldProjection<TState> projection, IEnumerable<EventLogRow> rows)
        where TState : class
    {
        var store = new Recorder<TState>();
        var run = new ProjectionRun<TState>(projection, store, new Retries(ClickHouseFaults.Rules, Patience.None));
        using var fold = run.StartFold();
        foreach (var aggregate in Select(projection.Definition, rows).GroupBy(row => row.Aggregate))
        {
            var ordered = aggregate.OrderBy(row => row.Timestamp).ThenBy(row => row.EventId, Utf8Order);
            foreach (var row in ordered.DistinctBy(row => row.EventId))
            {
                fold.Apply(row.ToReplayEvent());
            }

            fold.EndAggregate(Encoding.UTF8.GetBytes(aggregate.Last().EventId));
        }

        await run.StoreAsync([fold], TestContext.Current.CancellationToken);
        return store.States;
    }

    private static Comparer<string> Utf8Order { get; } = Comparer<string>.Create(
        (left, right) => Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right)));

    private static IEnumerable<EventLogRow> Select(ProjectionDefinition definition, IEnumerable<EventLogRow> rows) =>
        from row in rows
        where definition.AggregateTypes.Count == 0 || definition.AggregateTypes.Contains(row.Aggregate.AggregateType)
        from eventType in definition.EventTypes
        where eventType == row.EventType
        select row with { EventType = eventType };

    private sealed class Recorder<TState> : IProjectionStore<TState>
        where TState : class
    {
        public IReadOnlyList<ProjectedState<TState>> States { get; private set; } = [];

        public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public IStateBuffer<TState> CreateBuffer() => new StateList<TState>();

        public Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
        {
            States = [.. ((StateList<TState>)Assert.Single(buffers)).States];
            return Task.FromResult<IReadOnlyList<string>>([]);
        }
    }
}

using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.TenantDailyBillableEvents;

/// <summary>Counts the events that a tenant pays for, by UTC day. What is in them does not matter.</summary>
internal sealed class TenantDailyBillableEventsProjection : FoldProjection<BillableEventCount>
{
    // The day of the event before, which is that of most events. Replaced as a whole, by whichever thread comes last.
    private volatile Day? _lastDay;

    private TenantDailyBillableEventsProjection(string name, string table, string tenantColumn)
    {
        Counters = new CounterTable<BillableEventCount>(
            table,
            [new(tenantColumn, state => state.TenantId), new("date", state => state.Date)],
            state => state.Count,
            state => state.LastEventTimestamp);
        Definition = new ProjectionDefinition
        {
            Name = name,
            Pipeline = "global_projections",
            EventTypes = ["lw.obs.trace.span_received", "lw.evaluation.started", "lw.experiment_run.started"],
            Version = "2026-02-17",
            Columns = EventColumns.None,
            Store = ProjectionStoreKind.Postgres,
            Table = table,
            ReplaySafety = ReplaySafety.Increment,
        };
    }

    public override ProjectionDefinition Definition { get; }

    /// <summary>How a count becomes a row.</summary>
    public CounterTable<BillableEventCount> Counters { get; }

    /// <summary>The projection as most deployments have it.</summary>
    public static TenantDailyBillableEventsProjection ForTenants() =>
        new("tenantDailyBillableEvents", "TenantDailyBillableEvents", "tenantId");

    /// <summary>The same for deployments that say project where others say tenant.</summary>
    public static TenantDailyBillableEventsProjection ForProjects() =>
        new("projectDailyBillableEvents", "ProjectDailyBillableEvents", "projectId");

    public override string GetKey(in ReplayEvent replayEvent) => DayOf(replayEvent).Key;

    public override BillableEventCount CreateState(in ReplayEvent first) => new(first.TenantId, DayOf(first).Date);

    public override BillableEventCount Apply(BillableEventCount state, in ReplayEvent replayEvent)
    {
        state.Count++;
        state.LastEventTimestamp = replayEvent.Timestamp;
        return state;
    }

    public override IProjectionStore<BillableEventCount> CreateStore(StoreConnections connections) =>
        new PostgresCounterStore<BillableEventCount>(connections.Postgres, Definition.Name, Counters);

    private Day DayOf(in ReplayEvent replayEvent)
    {
        var number = UtcDay.Of(replayEvent);
        if (_lastDay is { } last && last.Number == number && string.Equals(last.TenantId, replayEvent.TenantId, StringComparison.Ordinal))
        {
            return last;
        }

        var date = UtcDay.Name(number);
        return _lastDay = new Day(replayEvent.TenantId, number, date, $"{replayEvent.TenantId}:{date}");
    }

    private sealed record Day(string TenantId, long Number, string Date, string Key);
}

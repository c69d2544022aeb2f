using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.TenantDailyBillableEvents;

/// <summary>Counts the events that a tenant pays for, by UTC day. What is in them does not matter.</summary>
internal sealed class TenantDailyBillableEventsProjection : FoldProjection<BillableEventCount>
{
    /// <summary>Two months: aggregates come in the order of their ids, so that days come in none.</summary>
    private const int RecentDays = 64;

    // Each is replaced as a whole, by whichever thread comes last.
    private readonly Day?[] _days = new Day?[RecentDays];

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
        ref var day = ref _days[(int)((ulong)number % RecentDays)];
        if (Volatile.Read(ref day) is { } known
            && known.Number == number
            && string.Equals(known.TenantId, replayEvent.TenantId, StringComparison.Ordinal))
        {
            return known;
        }

        var date = UtcDay.Name(number);
        var named = new Day(replayEvent.TenantId, number, date, $"{replayEvent.TenantId}:{date}");
        Volatile.Write(ref day, named);
        return named;
    }

    private sealed record Day(string TenantId, long Number, string Date, string Key);
}

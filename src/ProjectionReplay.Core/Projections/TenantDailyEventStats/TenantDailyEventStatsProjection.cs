using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.TenantDailyEventStats;

/// <summary>Counts the spans of a tenant by UTC day and by the SDK that sent them.</summary>
internal sealed class TenantDailyEventStatsProjection : FoldProjection<SdkSpanCount>
{
    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField Resource = Fields.Add("resource");

    // What the event before counted towards. Spans of one process share their resource to the byte, so that most need
    // no parsing of it, and no key of their own. Replaced as a whole, by whichever thread comes last.
    private volatile Group? _lastGroup;

    private TenantDailyEventStatsProjection(string name, string table, string tenantColumn)
    {
        Counters = new CounterTable<SdkSpanCount>(
            table,
            [
                new(tenantColumn, state => state.TenantId),
                new("date", state => state.Date),
                new("sdkName", state => state.SdkName),
                new("sdkVersion", state => state.SdkVersion),
                new("sdkLanguage", state => state.SdkLanguage),
            ],
            state => state.Count,
            state => state.LastEventTimestamp);
        Definition = new ProjectionDefinition
        {
            Name = name,
            Pipeline = "global_projections",
            EventTypes = ["lw.obs.trace.span_received"],
            Version = "2026-02-16",
            Columns = EventColumns.Payload,
            Store = ProjectionStoreKind.Postgres,
            Table = table,
            ReplaySafety = ReplaySafety.Increment,
        };
    }

    public override ProjectionDefinition Definition { get; }

    /// <summary>How a count becomes a row.</summary>
    public CounterTable<SdkSpanCount> Counters { get; }

    /// <summary>The projection as most deployments have it.</summary>
    public static TenantDailyEventStatsProjection ForTenants() =>
        new("tenantDailyEventStats", "TenantDailyEventStats", "tenantId");

    /// <summary>The same for deployments that say project where others say tenant.</summary>
    public static TenantDailyEventStatsProjection ForProjects() =>
        new("projectDailySdkUsage", "ProjectDailySdkUsage", "projectId");

    public override string GetKey(in ReplayEvent replayEvent) => GroupOf(replayEvent).Key;

    public override SdkSpanCount CreateState(in ReplayEvent first)
    {
        var group = GroupOf(first);
        return new SdkSpanCount(group.TenantId, group.Date, group.Sdk);
    }

    public override SdkSpanCount Apply(SdkSpanCount state, in ReplayEvent replayEvent)
    {
        state.Count++;
        state.LastEventTimestamp = replayEvent.Timestamp;
        return state;
    }

    public override IProjectionStore<SdkSpanCount> CreateStore(StoreConnections connections) =>
        new PostgresCounterStore<SdkSpanCount>(connections.Postgres, Definition.Name, Counters);

    private Group GroupOf(in ReplayEvent replayEvent)
    {
        var day = UtcDay.Of(replayEvent);
        Fields.Read(replayEvent, out var payload);
        var resource = payload.ObjectJson(Resource);
        if (_lastGroup is { } last
            && last.Day == day
            && string.Equals(last.TenantId, replayEvent.TenantId, StringComparison.Ordinal)
            && resource.SequenceEqual(last.Resource))
        {
            return last;
        }

        var date = UtcDay.Name(day);
        var sdk = Sdk.Read(payload, Resource);
        var key = $"{replayEvent.TenantId}:{date}:{sdk.Name}:{sdk.Version}:{sdk.Language}";
        return _lastGroup = new Group(replayEvent.TenantId, day, resource.ToArray(), date, sdk, key);
    }

    private sealed record Group(string TenantId, long Day, byte[] Resource, string Date, Sdk Sdk, string Key);
}

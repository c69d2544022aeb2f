using System.Globalization;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace TicketProjections;

/// <summary>The tickets that one tenant opened on one UTC day.</summary>
public sealed class OpenedCount
{
    /// <summary>The tenant.</summary>
    public required string TenantId { get; init; }

    /// <summary>The day, as <c>2026-06-01</c>.</summary>
    public required string Date { get; init; }

    /// <summary>How many.</summary>
    public int Count { get; set; }

    /// <summary>The timestamp of the last one, ms since 1970 UTC.</summary>
    public long LastEventTimestamp { get; set; }
}

/// <summary>Counts the tickets opened each day, in the Postgres table <c>TicketsOpenedDaily</c>.</summary>
public sealed class TicketsOpenedDaily : FoldProjection<OpenedCount>
{
    private static readonly CounterTable<OpenedCount> Counters = new(
        "TicketsOpenedDaily",
        [new("tenantId", state => state.TenantId), new("date", state => state.Date)],
        state => state.Count,
        state => state.LastEventTimestamp);

    /// <inheritdoc/>
    public override ProjectionDefinition Definition { get; } = new()
    {
        Name = "ticketsOpenedDaily",
        Pipeline = "support",
        AggregateTypes = ["ticket"],
        EventTypes = ["support.ticket.opened"],
        Version = "2026-06-01",
        Columns = EventColumns.None,
        Store = ProjectionStoreKind.Postgres,
        Table = Counters.Name,
        ReplaySafety = ReplaySafety.Increment,
    };

    /// <inheritdoc/>
    public override string GetKey(in ReplayEvent replayEvent) => $"{replayEvent.TenantId}:{Day(replayEvent)}";

    /// <inheritdoc/>
    public override OpenedCount CreateState(in ReplayEvent first) => new() { TenantId = first.TenantId, Date = Day(first) };

    /// <inheritdoc/>
    public override OpenedCount Apply(OpenedCount state, in ReplayEvent replayEvent)
    {
        state.Count++;
        state.LastEventTimestamp = replayEvent.Timestamp;
        return state;
    }

    /// <inheritdoc/>
    public override IProjectionStore<OpenedCount> CreateStore(StoreConnections connections) =>
        new PostgresCounterStore<OpenedCount>(connections.Postgres, Definition.Name, Counters);

    private static string Day(in ReplayEvent replayEvent) =>
        DateTimeOffset.FromUnixTimeMilliseconds(replayEvent.Timestamp).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

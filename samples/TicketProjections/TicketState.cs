using ProjectionReplay.Events;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace TicketProjections;

/// <summary>What is known of a support ticket.</summary>
public sealed class Ticket
{
    /// <summary>What it is about.</summary>
    public string Subject { get; set; } = "";

    /// <summary>How it ended, once it has.</summary>
    public string? Resolution { get; set; }

    /// <summary>When it was opened, ms since 1970 UTC.</summary>
    public long OpenedAt { get; set; }

    /// <summary>When it was closed, ms since 1970 UTC; null while it is open.</summary>
    public long? ClosedAt { get; set; }
}

/// <summary>Folds the life of a ticket into a row of the ClickHouse table <c>ticket_states</c>.</summary>
public sealed class TicketState : FoldProjection<Ticket>
{
    private const string Opened = "support.ticket.opened";
    private const string Closed = "support.ticket.closed";

    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField Subject = Fields.Add("subject");
    private static readonly PayloadField Resolution = Fields.Add("resolution");

    private static readonly LatestRowTable<Ticket> Rows = new LatestRowTable<Ticket>("ticket_states")
        .String("TenantId", row => row.Aggregate.TenantId)
        .String("TicketId", row => row.Aggregate.AggregateId)
        .String("Subject", row => row.State.Subject)
        .NullableString("Resolution", row => row.State.Resolution)
        .DateTime64("OpenedAt", row => row.State.OpenedAt)
        .NullableDateTime64("ClosedAt", row => row.State.ClosedAt)
        .SetByFirstEvents("OpenedAt");

    /// <inheritdoc/>
    public override ProjectionDefinition Definition { get; } = new()
    {
        Name = "ticketState",
        Pipeline = "support",
        AggregateTypes = ["ticket"],
        EventTypes = [Opened, Closed],
        Version = "2026-06-01",
        Store = ProjectionStoreKind.ClickHouse,
        Table = Rows.Name,
        ReplaySafety = ReplaySafety.LatestRow,
    };

    /// <inheritdoc/>
    public override Ticket CreateState(in ReplayEvent first) => new();

    /// <inheritdoc/>
    public override Ticket Apply(Ticket state, in ReplayEvent replayEvent)
    {
        var payload = Fields.Read(replayEvent);
        switch (replayEvent.EventType)
        {
            case Opened:
                state.Subject = payload.RequiredText(Subject);
                state.OpenedAt = replayEvent.OccurredAt;
                break;
            case Closed:
                state.Resolution = payload.Text(Resolution);
                state.ClosedAt = replayEvent.OccurredAt;
                break;
        }

        return state;
    }

    /// <inheritdoc/>
    public override IProjectionStore<Ticket> CreateStore(StoreConnections connections) =>
        new ClickHouseLatestRowStore<Ticket>(connections.ClickHouse, Rows);
}

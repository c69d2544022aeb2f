namespace ProjectionReplay.Events;

/// <summary>Which events of the log concern a run.</summary>
/// <param name="TenantId">The tenant. Every query filters by it first.</param>
/// <param name="AggregateTypes">The aggregate types; empty means any.</param>
/// <param name="EventTypes">The event types; never empty.</param>
/// <param name="Since">Aggregates with an event at or after this moment are replayed, each from its first event on.</param>
/// <param name="Shard">The part of the aggregates; null means all.</param>
internal sealed record EventSelection(
    string TenantId,
    IReadOnlyList<string> AggregateTypes,
    IReadOnlyList<string> EventTypes,
    DateTimeOffset Since,
    ReplayShard? Shard = null)
{
    /// <summary>The aggregates that are wanted, of any type, by their ids; null means all.</summary>
    public IReadOnlyList<string>? AggregateIds { get; init; }

    /// <summary>Whether no aggregate has been quiet since: every event of the types is of one that is replayed.</summary>
    public bool IsWhole { get; init; }

    /// <summary>
    /// Whether most events are of aggregates that have been quiet since, so that it pays to have the server leave those
    /// out where a range is read.
    /// </summary>
    public bool IsSparse { get; init; }
}

/// <summary>Aggregates of one type that stand together in the event log's key order, both ends included.</summary>
internal readonly record struct AggregateRange(string AggregateType, string FirstId, string LastId);

/// <summary>Told of an aggregate.</summary>
/// <param name="aggregateType">Its type.</param>
/// <param name="aggregateId">Its id, UTF-8 and surely so; only for the duration of the call.</param>
/// <param name="rowCount">Its rows of the selected event types; an event that stands twice counts twice.</param>
internal delegate void AggregateVisitor(string aggregateType, ReadOnlySpan<byte> aggregateId, long rowCount);

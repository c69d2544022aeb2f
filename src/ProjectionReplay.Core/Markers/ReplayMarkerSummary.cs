using ProjectionReplay.Coordination;

namespace ProjectionReplay.Markers;

/// <summary>What replays have in Redis for one projection and tenant. Immutable.</summary>
public sealed record ReplayMarkerSummary
{
    /// <summary>The projection's name, in any catalog or in none.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant, as the markers say; empty when they do not.</summary>
    public required string TenantId { get; init; }

    /// <summary>Aggregates that are marked and have no cutoff yet: live handlers hold back all their events.</summary>
    public required long Pending { get; init; }

    /// <summary>Aggregates with a cutoff: live handlers skip their events up to it, and hold back later ones.</summary>
    public required long Cutoff { get; init; }

    /// <summary>Aggregates that a run has completed which did not come to its end, or not yet.</summary>
    public required long Completed { get; init; }

    /// <summary>
    /// How old the oldest marker is at least: the time since a marker of the projection was last set, of whichever tenant.
    /// Redis does not keep when each one was set. Null when there is no marker, or when they do not expire 7 days after
    /// they were set, so that it cannot be told.
    /// </summary>
    public TimeSpan? OldestAge { get; init; }

    /// <summary>The moment that <see cref="OldestAge"/> counts from, UTC by this machine's clock.</summary>
    public DateTime? LastActivity { get; init; }

    /// <summary>
    /// Who holds a lock for it, so that this is not what an interrupted run left: one for each shard; empty when nobody
    /// does. A run of this machine whose process is gone is not among them.
    /// </summary>
    public required IReadOnlyList<ReplayRunAtWork> RunAtWork { get; init; }
}

/// <summary>Who is at work: the holder of a run lock. Immutable.</summary>
public sealed record ReplayRunAtWork
{
    /// <summary>The process, on its host; null when the lock does not say.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The host; null when the lock does not say.</summary>
    public string? HostName { get; init; }

    /// <summary>Since when, UTC by the host's clock; null when the lock does not say.</summary>
    public DateTime? Since { get; init; }

    /// <summary>The shard as <c>i/n</c>; null for all of the tenant's aggregates.</summary>
    public string? Shard { get; init; }

    /// <summary>What it is at work on, for messages: a tenant, a shard of it, or all tenants.</summary>
    public required string Scope { get; init; }

    private string Holder { get; init; } = "";

    /// <summary>All of it, as a phrase.</summary>
    public override string ToString() => $"{Holder}, for {Scope}";

    internal static ReplayRunAtWork Of(ReplayLockOccupant occupant) => new()
    {
        ProcessId = occupant.Holder?.ProcessId,
        HostName = occupant.Holder?.Host,
        Since = occupant.Holder?.Since,
        Shard = occupant.Scope.Shard?.ToString(),
        Scope = occupant.Scope.ToString(),
        Holder = occupant.Holder?.ToString() ?? "a holder that cannot be told",
    };
}

/// <summary>One marker: what makes live handlers hold back or skip the events of an aggregate. Immutable.</summary>
public sealed record ReplayMarker
{
    /// <summary>The projection's name, in any catalog or in none.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant, as the marker says; empty when it does not.</summary>
    public required string TenantId { get; init; }

    /// <summary>The aggregate as <c>type:id</c>, or whatever stands in the marker's place.</summary>
    public required string Aggregate { get; init; }

    /// <summary><c>pending</c>, or <c>cutoff</c>.</summary>
    public required string State { get; init; }

    /// <summary>
    /// When the event at the cutoff happened, UTC, by its id; null while it is pending, and for an id that does not begin
    /// with the time. Says nothing about when the marker was set.
    /// </summary>
    public DateTime? CutoffTimestamp { get; init; }

    /// <summary>The id of the last event that the replay folds; null while it is pending.</summary>
    public string? CutoffEventId { get; init; }
}

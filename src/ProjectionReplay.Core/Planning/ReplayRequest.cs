using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Runs;

namespace ProjectionReplay.Planning;

/// <summary>What to replay: one projection, for one tenant, for the aggregates with an event since a moment, or some of them.</summary>
public sealed record ReplayRequest
{
    /// <summary>The projection whose states are rebuilt.</summary>
    public required IFoldProjection Projection { get; init; }

    /// <summary>The tenant whose events are replayed. Not empty.</summary>
    public required string TenantId { get; init; }

    /// <summary>
    /// Aggregates with an event of the projection's types at or after this moment are replayed, each from its very
    /// first event.
    /// </summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>
    /// The part of the tenant's aggregates that is replayed, or null for all of them. Shards of one count may be replayed
    /// at the same time, by processes anywhere.
    /// </summary>
    public ReplayShard? Shard { get; init; }

    /// <summary>
    /// The aggregates that are replayed, of any type, by their ids, or null for all: 1 to 1,000 of them, none empty, of no
    /// more than 64 KB of UTF-8 together. Neither for a shard nor for a rebuild.
    /// </summary>
    public IReadOnlyList<string>? AggregateIds { get; init; }

    /// <summary>
    /// Whether to build counters anew: what is stored for the tenant is deleted, and every event is counted once, while
    /// live handlers wait. For an <see cref="ReplaySafety.Increment"/> projection, from the tenant's first event on, and never
    /// for a shard alone.
    /// </summary>
    public bool IsRebuild { get; init; }

    /// <summary>
    /// Whether counters may become wrong: a rebuild may delete what the event log cannot give back, as its older events were
    /// removed or have expired (see <see cref="RebuildOutlook.IsLossy"/>); any other replay may add to counters that live
    /// handlers have fed (see <see cref="ReplayError.CountersUnexplained"/>).
    /// </summary>
    public bool AllowsLoss { get; init; }

    /// <summary>How to go about it.</summary>
    public ReplayOptions Options { get; init; } = new();
}

/// <summary>What to do when an earlier run of the same projection, tenant and shard left off half way.</summary>
public enum PreviousRunAction
{
    /// <summary>Stop with <see cref="ReplayError.PreviousRunFound"/>.</summary>
    Refuse,

    /// <summary>Clear its markers, and skip the aggregates that it completed.</summary>
    Resume,

    /// <summary>Clear its markers and its completed aggregates, and start over.</summary>
    Restart,
}

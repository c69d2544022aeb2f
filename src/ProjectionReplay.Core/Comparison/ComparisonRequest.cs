using ProjectionReplay.Planning;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Comparison;

/// <summary>What to compare: the stored rows of one projection and tenant with what the events come to.</summary>
public sealed record ComparisonRequest
{
    /// <summary>The projection whose rows are compared.</summary>
    public required IFoldProjection Projection { get; init; }

    /// <summary>The tenant whose rows are compared. Not empty.</summary>
    public required string TenantId { get; init; }

    /// <summary>
    /// Only aggregates with an event of the projection's types at or after this moment are compared, each from its very
    /// first event; null for all. Not for counters.
    /// </summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>
    /// The aggregates that are compared, of any type, by their ids, or null for all: 1 to 1,000 of them, none empty, of no
    /// more than 64 KB of UTF-8 together. Not for counters.
    /// </summary>
    public IReadOnlyList<string>? AggregateIds { get; init; }

    /// <summary>
    /// How many aggregates are compared, 1 to 1,000,000, or null for all: those whose <c>cityHash64(AggregateId)</c> is
    /// smallest, which are spread over all of them and the same each time. Not for counters, nor with
    /// <see cref="AggregateIds"/>.
    /// </summary>
    public int? SampleSize { get; init; }

    /// <summary>Whether every aggregate is compared, so that a row that no event accounts for can be told.</summary>
    public bool IsWhole => Since is null && AggregateIds is null && SampleSize is null;

    /// <summary>
    /// How events are read: batch sizes and concurrency as of a replay. Those inserted within the last minute are taken to
    /// be with live handlers still.
    /// </summary>
    internal ReplayOptions Options { get; init; } = new() { StagingGrace = TimeSpan.FromMinutes(1) };

    /// <summary>How long live handlers have to catch up with such events before a difference is believed.</summary>
    internal TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Called between reading events and reading rows, with the number of the look, so that tests can do something in between.
    /// </summary>
    internal Func<int, CancellationToken, ValueTask>? Pause { get; init; }
}

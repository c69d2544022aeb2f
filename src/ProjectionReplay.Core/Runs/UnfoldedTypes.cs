using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Runs;

/// <summary>
/// Event types that the log has for a projection's aggregate types, and that the projection never folds. As a rule it is meant
/// so; but nobody would notice a name that was mistyped, or is new.
/// </summary>
internal static class UnfoldedTypes
{
    private const int Most = 50;

    /// <summary>Asks the log.</summary>
    /// <returns>A line for the operator; null when there are none, or the projection takes events of any aggregate type.</returns>
    public static async Task<string?> DescribeAsync(
        ClickHouseEventLog log,
        EventSelection selection,
        ProjectionDefinition definition,
        CancellationToken cancellationToken)
    {
        if (selection.AggregateTypes.Count == 0) return null;
        var found = await log.FindOtherTypesAsync(selection, Most + 1, cancellationToken).ConfigureAwait(false);
        if (found.Count == 0) return null;
        var types = string.Join(", ", found.Take(Most).Select(SafeText.Quote));
        var aggregates = string.Join(", ", selection.AggregateTypes.Select(SafeText.Quote));
        return $"Projection {SafeText.Quote(definition.Name)} never folds these event types, which tenant "
            + $"{SafeText.Quote(selection.TenantId)} has for aggregate type {aggregates}: "
            + $"{types}{(found.Count > Most ? " and more" : "")}.";
    }
}

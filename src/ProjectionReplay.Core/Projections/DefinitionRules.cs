using ProjectionReplay.Events;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Projections;

/// <summary>What a projection must keep to, so that a replay of it can be safe.</summary>
internal static class DefinitionRules
{
    /// <summary>Checks one projection.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionAssemblyInvalid"/>: it names the rule.</exception>
    public static void Check(CatalogEntry entry)
    {
        if (FindProblem(entry.Projection) is not { } problem) return;
        throw new ReplayException(
            ReplayError.ProjectionAssemblyInvalid,
            $"Projection class '{entry.Projection.GetType().FullName}' of {entry.Source} cannot be used: {problem}");
    }

    private static string? FindProblem(IFoldProjection projection)
    {
        if (projection.Definition is not { } definition) return "its Definition is null. Return a ProjectionDefinition.";
        if (!IsKeyPart(definition.Name))
        {
            return "its Name must be made of letters, digits, '_', '-' and '.', for it becomes part of Redis keys.";
        }

        if (!IsKeyPart(definition.Pipeline))
        {
            return "its Pipeline must be made of letters, digits, '_', '-' and '.', for it becomes part of Redis keys.";
        }

        if (string.IsNullOrWhiteSpace(definition.Version)) return "it has no Version. Give a calendar date such as 2026-01-31.";
        if (string.IsNullOrWhiteSpace(definition.Table)) return "it has no Table. Name the table that its states are stored in.";
        if (definition.EventTypes is not { Count: > 0 }) return "it has no EventTypes. Name the event types that it folds.";
        if (HasGap(definition.EventTypes)) return "one of its EventTypes is empty or stands twice.";
        if (definition.AggregateTypes is null || HasGap(definition.AggregateTypes))
        {
            return "one of its AggregateTypes is empty or stands twice.";
        }

        if (definition.ReplaySafety == ReplaySafety.LatestRow && HasKeyOfItsOwn(projection.GetType()))
        {
            return "it overrides GetKey but has ReplaySafety.LatestRow. Several aggregates may meet in a key of its own, "
                + "and the last would overwrite the others: store by increments, or leave the key to be the aggregate id.";
        }

        return null;
    }

    private static bool IsKeyPart(string? text) =>
        !string.IsNullOrEmpty(text) && text.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '.');

    private static bool HasGap(IReadOnlyList<string> types) =>
        types.Any(string.IsNullOrWhiteSpace) || types.Distinct(StringComparer.Ordinal).Count() < types.Count;

    private static bool HasKeyOfItsOwn(Type projection)
    {
        var getKey = projection.GetMethod(nameof(FoldProjection<>.GetKey), [typeof(ReplayEvent).MakeByRefType()]);
        return getKey?.DeclaringType is not { IsGenericType: true } declaring
            || declaring.GetGenericTypeDefinition() != typeof(FoldProjection<>);
    }
}

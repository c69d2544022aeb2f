namespace ProjectionReplay.Coordination;

/// <summary>
/// Tells a tenant's key strings from its neighbours'. A key string is <c>tenant:type:id</c> and any of the three may
/// hold colons, so <c>a:b:c</c> alone could belong to tenant <c>a</c> or to tenant <c>a:b</c>: the known aggregate
/// types decide.
/// </summary>
internal sealed class AggregateFilter
{
    private readonly string[] _prefixes;

    /// <summary>Wants the keys of a tenant.</summary>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="aggregateTypes">The types to look for; any when empty.</param>
    public AggregateFilter(string tenantId, IReadOnlyCollection<string> aggregateTypes) =>
        _prefixes = aggregateTypes.Count == 0 ? [$"{tenantId}:"] : [.. aggregateTypes.Select(type => $"{tenantId}:{type}:")];

    private AggregateFilter() => _prefixes = [""];

    /// <summary>Wants every key.</summary>
    public static AggregateFilter All { get; } = new();

    /// <summary>Whether a key string is wanted.</summary>
    public bool Matches(string key)
    {
        foreach (var prefix in _prefixes)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal)) return true;
        }

        return false;
    }
}

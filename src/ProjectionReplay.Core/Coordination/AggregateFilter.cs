using ProjectionReplay.Events;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Tells a tenant's key strings from its neighbours'. A key string is <c>tenant:type:id</c> and any of the three may
/// hold colons: <c>a:trace:trace:b</c> is either trace <c>trace:b</c> of tenant <c>a</c> or trace <c>b</c> of tenant
/// <c>a:trace</c>. Such a key is left to the neighbour unless the aggregate is known to be the tenant's own. The shards of a
/// tenant are neighbours, too.
/// </summary>
internal sealed class AggregateFilter
{
    /// <summary>The types of the live systems: enough to see where a tenant's id may end when nothing else is known.</summary>
    public static readonly string[] LiveTypes = ["evaluation", "experiment_run", "trace"];

    private readonly string[] _prefixes;
    private readonly int _rest;
    private readonly string[] _types = [];
    private readonly ShardKeys? _shard;
    private readonly HashSet<string> _own = new(StringComparer.Ordinal);

    /// <summary>Wants the keys of a tenant, or of a shard of it.</summary>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="aggregateTypes">The types to look for; any when empty.</param>
    /// <param name="own">Aggregates that are known to be the tenant's own, and the shard's; others may be too.</param>
    /// <param name="shard">The shard; all of them when null.</param>
    public AggregateFilter(
        string tenantId, IReadOnlyCollection<string> aggregateTypes, IEnumerable<AggregateKey>? own = null, ShardKeys? shard = null)
    {
        _shard = shard;
        _prefixes = aggregateTypes.Count > 0 ? [.. aggregateTypes.Select(type => $"{tenantId}:{type}:")]
            // An id that ends like the key of another tenant: that one's aggregates must not be taken for types.
            : LiveTypes.Any(type => $"{tenantId}:".Contains($":{type}:", StringComparison.Ordinal))
                ? [.. LiveTypes.Select(type => $"{tenantId}:{type}:")]
            : [$"{tenantId}:"];
        _rest = tenantId.Length + 1;
        _types = [.. aggregateTypes.Union(LiveTypes, StringComparer.Ordinal).Select(type => $":{type}:")];
        foreach (var aggregate in own ?? [])
        {
            // Few ids look like a key themselves: only those need be remembered.
            if (aggregate.AggregateId.Contains(':', StringComparison.Ordinal) && aggregate.ToString() is var key && !IsSurelyOwn(key))
            {
                _own.Add(key);
            }
        }
    }

    private AggregateFilter(IEnumerable<AggregateKey> aggregates)
    {
        _prefixes = [];
        foreach (var aggregate in aggregates) _own.Add(aggregate.ToString());
    }

    private AggregateFilter() => _prefixes = [""];

    /// <summary>Wants every key.</summary>
    public static AggregateFilter All { get; } = new();

    /// <summary>Wants the keys of some aggregates and no others.</summary>
    public static AggregateFilter Only(IEnumerable<AggregateKey> aggregates) => new(aggregates);

    /// <summary>Whether a key string is wanted.</summary>
    public bool Matches(string key)
    {
        if (_prefixes.Length == 0) return _own.Contains(key);
        foreach (var prefix in _prefixes)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal)) return IsSurelyOwn(key) || _own.Contains(key);
        }

        return false;
    }

    private bool IsSurelyOwn(string key) => !MayBeNeighbours(key) && _shard?.Includes(key) != false;

    /// <summary>Whether a longer tenant id, which this one is the beginning of, could be in the key.</summary>
    private bool MayBeNeighbours(string key)
    {
        foreach (var type in _types)
        {
            if (key.IndexOf(type, _rest, StringComparison.Ordinal) >= 0) return true;
        }

        return false;
    }
}

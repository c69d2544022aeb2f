using ProjectionReplay.Events;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Tells a shard's key strings from those of the tenant's other shards, by the hash of the aggregate id. A key string
/// <c>tenant:type:id</c> may be read in several ways where a type or an id holds colons: it is the shard's only if it is
/// however it is read.
/// </summary>
/// <param name="shard">The shard.</param>
/// <param name="tenantId">The tenant.</param>
/// <param name="aggregateTypes">The types that there can be; when empty, any text up to a colon may be one.</param>
internal sealed class ShardKeys(ReplayShard shard, string tenantId, IReadOnlyList<string> aggregateTypes)
{
    private readonly string[] _prefixes = [.. aggregateTypes.Select(type => new AggregateKey(tenantId, type, "").ToString())];
    private readonly int _rest = tenantId.Length + 1;

    /// <summary>The key strings of a selection's shard; null when it selects all aggregates.</summary>
    public static ShardKeys? Of(EventSelection selection) =>
        selection.Shard is { } shard ? new ShardKeys(shard, selection.TenantId, selection.AggregateTypes) : null;

    /// <summary>Whether one of the tenant's key strings is surely the shard's.</summary>
    public bool Includes(string key)
    {
        var isRead = false;
        foreach (var start in IdStarts(key))
        {
            isRead = true;
            if (!shard.Includes(key[start..])) return false;
        }

        return isRead;
    }

    /// <summary>Where the aggregate id may begin.</summary>
    private IEnumerable<int> IdStarts(string key)
    {
        foreach (var prefix in _prefixes)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal)) yield return prefix.Length;
        }

        if (_prefixes.Length > 0) yield break;
        for (var colon = key.IndexOf(':', _rest); colon >= 0; colon = key.IndexOf(':', colon + 1)) yield return colon + 1;
    }
}

using ProjectionReplay.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>The keys of a Redis database that replays have there, and which projections they are of.</summary>
internal sealed class ReplayKeys
{
    private const string AllOfThem = "projection-replay:*";

    private readonly SortedSet<string> _marked = new(StringComparer.Ordinal);
    private readonly List<string> _locks = [];

    private ReplayKeys()
    {
    }

    /// <summary>The projections that have markers or completed aggregates, in any catalog or in none.</summary>
    public IReadOnlyCollection<string> Projections => _marked;

    /// <summary>Those and the projections that somebody has a lock on.</summary>
    public IReadOnlyCollection<string> ProjectionsAndLocked
    {
        get
        {
            var all = new SortedSet<string>(_marked, StringComparer.Ordinal);
            all.UnionWith(_locks
                .Where(key => !_marked.Any(projection => ReplayLockScope.Read(key, projection) is not null))
                .Select(LockedProjection));
            return all;
        }
    }

    /// <summary>Looks through the database once. Scans: never blocks the server.</summary>
    public static Task<ReplayKeys> FindAsync(RedisServer redis, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Looking for markers", token => FindOnceAsync(redis, token), cancellationToken);

    private static async Task<ReplayKeys> FindOnceAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        var keys = new ReplayKeys();
        await foreach (var key in redis.ScanAsync(AllOfThem, cancellationToken).ConfigureAwait(false))
        {
            if (key.StartsWith(ReplayLockScope.KeyPrefix, StringComparison.Ordinal)) keys._locks.Add(key);
            foreach (var prefix in (string[])[ReplayMarkers.CutoffPrefix, ReplayMarkers.CompletedPrefix])
            {
                if (key.StartsWith(prefix, StringComparison.Ordinal)) keys._marked.Add(key[prefix.Length..]);
            }
        }

        return keys;
    }

    /// <summary>What the locks of a projection are for. A scan may name one more than once.</summary>
    public IReadOnlyList<ReplayLockScope> LocksOf(string projection) =>
        [.. _locks.Distinct(StringComparer.Ordinal).Select(key => ReplayLockScope.Read(key, projection)).OfType<ReplayLockScope>()];

    /// <summary>A projection that has nothing but a lock: its name has neither colon nor slash.</summary>
    private static string LockedProjection(string key)
    {
        var name = key[ReplayLockScope.KeyPrefix.Length..];
        var end = name.AsSpan().IndexOfAny(':', '/');
        return end < 0 ? name : name[..end];
    }
}

using ProjectionReplay.Events;
using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// What a run lock is for: a shard of a tenant, a tenant, or all tenants of a projection. Each has a key of its own, and
/// scopes that have an aggregate in common overlap: all but two shards of one count, and two tenants.
/// </summary>
/// <param name="Projection">The projection's name.</param>
/// <param name="TenantId">The tenant, or null for all of them.</param>
/// <param name="Shard">The part of the tenant's aggregates, or null for all of them.</param>
internal sealed record ReplayLockScope(string Projection, string? TenantId, ReplayShard? Shard = null)
{
    public const string KeyPrefix = "projection-replay:lock:";

    /// <summary>How long it is remembered that a tenant was cut into so many shards. Longer than any lock lasts unrenewed.</summary>
    private static readonly TimeSpan DivisionLifetime = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The lock. The shard stands with the projection, whose name has neither colon nor slash. Behind the tenant, which
    /// may be called anything, it could not be told from a part of the tenant's id.
    /// </summary>
    public RedisKey Key => (TenantId, Shard) switch
    {
        (null, _) => KeyPrefix + Projection,
        (_, null) => $"{KeyPrefix}{Projection}:{TenantId}",
        _ => $"{KeyPrefix}{Projection}/{Shard}:{TenantId}",
    };

    /// <summary>Into how many shards the tenant is cut by those who hold or want a lock: a set, with one member as a rule.</summary>
    public RedisKey DivisionsKey => $"projection-replay:shards:{Projection}:{TenantId}";

    /// <summary>
    /// Lets others know by which count of shards to look for locks. Comes before the lock is taken, and again with each
    /// renewal: where there is a lock, its count is known. No more than a name on a list: it locks nothing.
    /// </summary>
    public Task AnnounceAsync(RedisServer redis)
    {
        if (Shard is not { } shard) return Task.CompletedTask;
        var batch = redis.Database.CreateBatch();
        var added = batch.SetAddAsync(DivisionsKey, shard.Count);
        var kept = batch.KeyExpireAsync(DivisionsKey, DivisionLifetime);
        batch.Execute();
        return Task.WhenAll(added, kept);
    }

    /// <summary>The locks that somebody has on scopes that overlap with this one, itself included.</summary>
    public async Task<IReadOnlyList<ReplayLockOccupant>> ListOccupantsAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        var scopes = TenantId is null
            ? await FindAsync(redis, cancellationToken).ConfigureAwait(false)
            : await ListOverlappingAsync(redis, cancellationToken).ConfigureAwait(false);
        return await ReadOccupantsAsync(scopes, redis, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The locks that somebody has on any of some scopes.</summary>
    public static async Task<IReadOnlyList<ReplayLockOccupant>> ReadOccupantsAsync(
        IReadOnlyCollection<ReplayLockScope> scopes, RedisServer redis, CancellationToken cancellationToken)
    {
        var values = await Task.WhenAll(scopes.Select(scope => redis.Database.StringGetAsync(scope.Key)))
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        return [.. scopes.Zip(values).Where(pair => !pair.Second.IsNull).Select(pair => new ReplayLockOccupant(pair.First, pair.Second))];
    }

    /// <summary>What a lock's key says that it is for; null when it is no lock of the projection.</summary>
    public static ReplayLockScope? Read(string key, string projection)
    {
        if (!key.StartsWith(KeyPrefix, StringComparison.Ordinal)) return null;
        if (!key.AsSpan(KeyPrefix.Length).StartsWith(projection, StringComparison.Ordinal)) return null;
        var rest = key[(KeyPrefix.Length + projection.Length)..];
        if (rest.Length == 0) return new(projection, TenantId: null);
        if (rest.Split(':', 2) is not [var part, var tenantId]) return null;
        if (part.Length == 0) return new(projection, tenantId);
        return part[0] == '/' && ReplayShard.TryParse(part[1..], out var shard) ? new(projection, tenantId, shard) : null;
    }

    /// <summary>The aggregates that it is for, for messages.</summary>
    public override string ToString() => (TenantId, Shard) switch
    {
        (null, _) => "all tenants",
        (_, null) => $"tenant '{TenantId}'",
        _ => $"shard {Shard} of tenant '{TenantId}'",
    };

    private async Task<List<ReplayLockScope>> ListOverlappingAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        List<ReplayLockScope> scopes = [this, new(Projection, TenantId: null)];
        if (Shard is not null) scopes.Add(this with { Shard = null });
        foreach (var division in await redis.Database.SetMembersAsync(DivisionsKey).WaitAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!ReplayShard.TryParse($"1/{division}", out var first) || first.Count == Shard?.Count) continue;
            scopes.AddRange(ReplayShard.All(first.Count).Select(shard => this with { Shard = shard }));
        }

        return scopes;
    }

    /// <summary>
    /// The scopes of a projection for which there is a lock. A tenant may be called anything: no name goes into a pattern.
    /// </summary>
    private async Task<List<ReplayLockScope>> FindAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        List<ReplayLockScope> scopes = [this];
        await foreach (var key in redis.ScanAsync(KeyPrefix + "*", cancellationToken).ConfigureAwait(false))
        {
            if (key != KeyPrefix + Projection && Read(key, Projection) is { } scope) scopes.Add(scope);
        }

        return scopes;
    }
}

using ProjectionReplay.Configuration;

namespace ProjectionReplay.Replay;

/// <summary>Finds and removes what interrupted runs left behind in Redis. Safe for concurrent use.</summary>
/// <param name="connections">Where the Redis URL comes from.</param>
public sealed class MarkerCleanup(ReplayConnections connections)
{
    private readonly ReplayConnections _connections = connections;

    /// <summary>
    /// Lists what is there, by projection and tenant, sorted. Projections need not be in any catalog. Only reads.
    /// </summary>
    /// <param name="matches">Whether a projection's name is wanted.</param>
    /// <param name="tenantId">The tenant to look at, or null for every tenant.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    public Task<IReadOnlyList<MarkerRemains>> FindAsync(
        Func<string, bool> matches, string? tenantId, CancellationToken cancellationToken) => throw new InvalidOperationException("draft");

    /// <summary>Removes them, and counts what was removed.</summary>
    public Task<MarkerRemains> RemoveAsync(MarkerRemains remains, CancellationToken cancellationToken) => throw new InvalidOperationException("draft");
}

/// <summary>What interrupted runs left behind for one projection and tenant.</summary>
/// <param name="Projection">The projection's name.</param>
/// <param name="TenantId">The tenant, or null for all tenants of the projection together.</param>
/// <param name="Markers">Markers: live handlers hold back the events of those aggregates.</param>
/// <param name="Completed">Aggregates recorded as completed.</param>
public sealed record MarkerRemains(string Projection, string? TenantId, long Markers, long Completed);

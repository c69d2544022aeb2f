using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;

namespace ProjectionReplay.Replay;

/// <summary>Finds and removes what interrupted runs left behind in Redis. Safe for concurrent use.</summary>
/// <param name="connections">Where the Redis URL comes from.</param>
/// <param name="timeProvider">The clock; the system's when null.</param>
public sealed class MarkerCleanup(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    private const int Retries = 2;

    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>
    /// Lists what is there for each projection, sorted by name. Projections need not be in any catalog. Only reads.
    /// </summary>
    /// <param name="matches">Whether a projection's name is wanted.</param>
    /// <param name="tenantId">The tenant to look at, or null for all tenants together.</param>
    /// <param name="messages">Where retries are told.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    /// <returns>The projections for which there is anything.</returns>
    /// <exception cref="ReplayException">There is no URL, or Redis is out of reach.</exception>
    public async Task<IReadOnlyList<MarkerRemains>> FindAsync(
        Func<string, bool> matches, string? tenantId, ReplayMessages messages, CancellationToken cancellationToken)
    {
        var faults = new FaultPolicy(messages, _timeProvider, Retries);
        var redis = await ConnectAsync(faults, cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            var projections = await faults.CallAsync(
                Server.Redis, "Looking for markers", token => ListProjectionsAsync(redis, matches, token), cancellationToken).ConfigureAwait(false);
            var found = new List<MarkerRemains>();
            foreach (var projection in projections)
            {
                var (completed, markers) = await faults.CallAsync(
                    Server.Redis, "Counting markers", Open(redis, projection, tenantId).CountAsync, cancellationToken).ConfigureAwait(false);
                if (completed + markers > 0) found.Add(new MarkerRemains(projection, tenantId, markers, completed));
            }

            return found;
        }
    }

    /// <summary>Removes what was found, and whatever came since.</summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="ReplayException">There is no URL, or Redis is out of reach.</exception>
    public async Task<MarkerRemains> RemoveAsync(MarkerRemains remains, ReplayMessages messages, CancellationToken cancellationToken)
    {
        var faults = new FaultPolicy(messages, _timeProvider, Retries);
        var redis = await ConnectAsync(faults, cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            var previous = Open(redis, remains.Projection, remains.TenantId);
            var markers = await faults.CallAsync(Server.Redis, "Removing markers", previous.RemoveMarkersAsync, cancellationToken).ConfigureAwait(false);
            var completed = await faults.CallAsync(
                Server.Redis, "Clearing the completed set", previous.ForgetCompletedAsync, cancellationToken).ConfigureAwait(false);
            return remains with { Markers = markers, Completed = completed };
        }
    }

    private static PreviousRun Open(RedisServer redis, string projection, string? tenantId) =>
        new(new ReplayMarkers(redis, projection), tenantId is null ? AggregateFilter.All : new AggregateFilter(tenantId, []));

    private static async Task<SortedSet<string>> ListProjectionsAsync(RedisServer redis, Func<string, bool> matches, CancellationToken cancellationToken)
    {
        var projections = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var prefix in (string[])[ReplayMarkers.CutoffPrefix, ReplayMarkers.CompletedPrefix])
        {
            await foreach (var key in redis.ScanAsync(prefix + "*", cancellationToken).ConfigureAwait(false))
            {
                var projection = key[prefix.Length..];
                if (matches(projection)) projections.Add(projection);
            }
        }

        return projections;
    }

    private Task<RedisServer> ConnectAsync(FaultPolicy faults, CancellationToken cancellationToken)
    {
        var (options, redacted) = ServerSettings.Redis(connections.ResolveRedis());
        return faults.CallAsync(Server.Redis, $"Connecting to {redacted}", token => RedisServer.ConnectAsync(options, token), cancellationToken);
    }
}

/// <summary>What interrupted runs left behind for one projection.</summary>
/// <param name="Projection">The projection's name.</param>
/// <param name="TenantId">The tenant, or null for all tenants of the projection together.</param>
/// <param name="Markers">Markers: live handlers hold back the events of those aggregates.</param>
/// <param name="Completed">Aggregates recorded as completed.</param>
public sealed record MarkerRemains(string Projection, string? TenantId, long Markers, long Completed);

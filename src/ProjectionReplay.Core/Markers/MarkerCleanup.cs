using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Redis;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Markers;

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
        var redis = await ConnectAsync(messages, cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            var keys = await ReplayKeys.FindAsync(redis, cancellationToken).ConfigureAwait(false);
            var found = new List<MarkerRemains>();
            foreach (var projection in keys.Projections.Where(matches))
            {
                var (completed, markers) = await Open(redis, projection, tenantId)
                    .CountAsync(cancellationToken).ConfigureAwait(false);
                if (completed + markers == 0) continue;
                var occupant = await ReplayLock.FindOccupantAsync(
                    redis, new ReplayLockScope(projection, tenantId), cancellationToken).ConfigureAwait(false);
                found.Add(new MarkerRemains(projection, tenantId, markers, completed, Describe(occupant)));
            }

            return found;
        }
    }

    /// <summary>
    /// Removes what was found, and whatever came since, unless a run is at work on it. No run starts meanwhile. The
    /// lock of a run that died on this machine does not count; one that died elsewhere holds its lock for 15 seconds.
    /// </summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="ReplayException">
    /// <see cref="ReplayError.ReplayInProgress"/>: a run is at work, the message names it, and nothing was removed.
    /// Or there is no URL, or Redis is out of reach.
    /// </exception>
    public async Task<MarkerRemains> RemoveAsync(MarkerRemains remains, ReplayMessages messages, CancellationToken cancellationToken)
    {
        var redis = await ConnectAsync(messages, cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            var (runLock, occupant) = await ReplayLock.TryTakeAsync(
                redis,
                new ReplayLockScope(remains.Projection, remains.TenantId),
                _timeProvider,
                cancellationToken).ConfigureAwait(false);
            if (runLock is null) throw InProgress(remains with { RunAtWork = Describe(occupant) });
            await using (runLock.ConfigureAwait(false))
            {
                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, runLock.Lost);
                try
                {
                    return await RemoveAsync(redis, remains, runLock, stop.Token).ConfigureAwait(false);
                }
                catch (Exception exception)
                    when (exception is OperationCanceledException or LockLostException && !cancellationToken.IsCancellationRequested)
                {
                    throw LockLost(remains, exception);
                }
            }
        }
    }

    /// <summary>
    /// Removes what was found, and whatever came since, even from under a run that is at work: live handlers may then
    /// fold events which that run folds too.
    /// </summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="ReplayException">There is no URL, or Redis is out of reach.</exception>
    public async Task<MarkerRemains> ForceRemoveAsync(MarkerRemains remains, ReplayMessages messages, CancellationToken cancellationToken)
    {
        var redis = await ConnectAsync(messages, cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            return await RemoveAsync(redis, remains, fence: null, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The refusal to remove what belongs to a run at work.</summary>
    public static ReplayException InProgress(MarkerRemains remains) => new(
        ReplayError.ReplayInProgress,
        $"A replay of {Subject(remains)} is at work: {remains.RunAtWork}. "
            + "Its markers stay, as live handlers would fold events that it folds too. "
            + "Wait for it to end, or stop it, then try again; "
            + $"the lock of a run that died on another host is gone after {ReplayLock.DefaultExpiry.TotalSeconds:0} s. "
            + "-Force removes the markers all the same.");

    private static ReplayException LockLost(MarkerRemains remains, Exception exception) => new(
        ReplayError.ReplayInProgress,
        $"The removal of the markers of {Subject(remains)} was stopped half way: "
            + "it lost its lock, because another run took it or Redis was out of reach. Look whether a run is at work, then try again.",
        exception);

    private static string Subject(MarkerRemains remains) =>
        $"projection '{remains.Projection}' for {(remains.TenantId is null ? "all tenants" : $"tenant '{remains.TenantId}'")}";

    private static string? Describe(ReplayLockOccupant? occupant) => occupant is null ? null : ReplayRunAtWork.Of(occupant).ToString();

    private static async Task<MarkerRemains> RemoveAsync(
        RedisServer redis, MarkerRemains remains, ReplayLock? fence, CancellationToken cancellationToken)
    {
        var previous = Open(redis, remains.Projection, remains.TenantId);
        previous.Markers.Fence = fence;
        var markers = await previous.RemoveMarkersAsync(cancellationToken).ConfigureAwait(false);
        var completed = await previous.ForgetCompletedAsync(cancellationToken).ConfigureAwait(false);
        return remains with { Markers = markers, Completed = completed };
    }

    private static PreviousRun Open(RedisServer redis, string projection, string? tenantId) =>
        new(new ReplayMarkers(redis, projection), tenantId is null ? AggregateFilter.All : new AggregateFilter(tenantId, []));

    private Task<RedisServer> ConnectAsync(ReplayMessages messages, CancellationToken cancellationToken)
    {
        var (options, redacted) = ServerSettings.Redis(connections.ResolveRedis());
        return RedisServer.ConnectAsync(options, redacted, messages.Allow(Retries, _timeProvider), cancellationToken);
    }
}

/// <summary>What interrupted runs left behind for one projection.</summary>
/// <param name="Projection">The projection's name.</param>
/// <param name="TenantId">The tenant, or null for all tenants of the projection together.</param>
/// <param name="Markers">Markers: live handlers hold back the events of those aggregates.</param>
/// <param name="Completed">Aggregates recorded as completed.</param>
/// <param name="RunAtWork">
/// Who holds a lock of the projection and tenant, so that this is not what an interrupted run left: process, host, since
/// when (UTC), tenant and shard; null when nobody does. Of several one is named.
/// </param>
public sealed record MarkerRemains(string Projection, string? TenantId, long Markers, long Completed, string? RunAtWork = null);

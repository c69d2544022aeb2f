using ProjectionReplay.Coordination;
using StackExchange.Redis;

namespace ProjectionReplay.Planning;

/// <summary>What an interrupted run of the same projection and tenant left behind in Redis.</summary>
/// <param name="markers">The projection's markers.</param>
/// <param name="filter">The aggregates that the run at hand is of.</param>
/// <param name="tenant">All aggregates of the tenant, where the run is of chosen ones; else null.</param>
internal sealed class PreviousRun(ReplayMarkers markers, AggregateFilter filter, AggregateFilter? tenant = null)
{
    /// <summary>Removed together: bounds what is held in memory of a set of any size.</summary>
    private const int ChunkSize = 10_000;

    private const string Looking = "Looking for a previous run";

    public ReplayMarkers Markers => markers;

    /// <summary>Counts completed aggregates and left-over markers. Only reads.</summary>
    public Task<(long Completed, long Stale)> CountAsync(CancellationToken cancellationToken) =>
        markers.Retries.CallAsync(Looking, CountOnceAsync, cancellationToken);

    private async Task<(long Completed, long Stale)> CountOnceAsync(CancellationToken cancellationToken)
    {
        long completed = 0, stale = 0;
        await foreach (var _ in markers.CompletedAsync(filter, cancellationToken).ConfigureAwait(false)) completed++;
        await foreach (var _ in markers.MarkedAsync(filter, cancellationToken).ConfigureAwait(false)) stale++;
        return (completed, stale);
    }

    /// <summary>Counts what is left of the tenant's other aggregates, where the run is of chosen ones. Only reads.</summary>
    public async Task<(long Completed, long Stale)> CountOthersAsync(CancellationToken cancellationToken) => tenant is null
        ? (0, 0)
        : await markers.Retries.CallAsync(
            Looking, token => CountOthersOnceAsync(tenant, token), cancellationToken).ConfigureAwait(false);

    private async Task<(long Completed, long Stale)> CountOthersOnceAsync(AggregateFilter tenant, CancellationToken cancellationToken)
    {
        long completed = 0, stale = 0;
        await foreach (var key in markers.CompletedAsync(tenant, cancellationToken).ConfigureAwait(false))
        {
            completed += filter.Matches(key) ? 0 : 1;
        }

        await foreach (var key in markers.MarkedAsync(tenant, cancellationToken).ConfigureAwait(false))
        {
            stale += filter.Matches(key) ? 0 : 1;
        }

        return (completed, stale);
    }

    /// <summary>The key strings of those that are marked. Only reads.</summary>
    public Task<HashSet<string>> FindMarkedAsync(CancellationToken cancellationToken) =>
        markers.Retries.CallAsync("Looking for stale markers", FindMarkedOnceAsync, cancellationToken);

    private async Task<HashSet<string>> FindMarkedOnceAsync(CancellationToken cancellationToken)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var key in markers.MarkedAsync(filter, cancellationToken).ConfigureAwait(false)) found.Add(key);
        return found;
    }

    /// <summary>Removes its markers. Returns how many there were.</summary>
    public Task<long> RemoveMarkersAsync(CancellationToken cancellationToken) => markers.Retries.CallAsync(
        "Removing stale markers",
        token => RemoveAsync(() => markers.MarkedAsync(filter, token), markers.RemoveOnceAsync, token),
        cancellationToken);

    /// <summary>Forgets what it completed. Returns how many there were.</summary>
    public Task<long> ForgetCompletedAsync(CancellationToken cancellationToken) => markers.Retries.CallAsync(
        "Clearing the completed set",
        token => RemoveAsync(() => markers.CompletedAsync(filter, token), markers.ForgetCompletedOnceAsync, token),
        cancellationToken);

    /// <summary>Forgets what a run that found nothing completed has completed.</summary>
    /// <param name="replayed">How many aggregates it replayed, no two of which have the same key string.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task<long> ForgetOwnAsync(long replayed, CancellationToken cancellationToken)
    {
        // They are all in the set, so that there are no others when the set is as large.
        return await markers.TryForgetAllCompletedAsync(replayed, cancellationToken).ConfigureAwait(false)
            ? replayed
            : await ForgetCompletedAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<long> RemoveAsync(
        Func<IAsyncEnumerable<string>> scan,
        Func<IReadOnlyList<RedisValue>, CancellationToken, Task> remove,
        CancellationToken cancellationToken)
    {
        // Not every server that speaks Redis keeps its promise to name each key when others go while it scans, so it
        // is scanned until nothing is found.
        long removed = 0;
        for (var before = -1L; before != removed;)
        {
            before = removed;
            await foreach (var chunk in scan().Chunk(ChunkSize).WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                // A scan may name a key twice.
                var distinct = chunk.Distinct(StringComparer.Ordinal).Select(key => (RedisValue)key).ToList();
                await remove(distinct, cancellationToken).ConfigureAwait(false);
                removed += distinct.Count;
            }
        }

        return removed;
    }
}

using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Redis;
using ProjectionReplay.Reporting;
using StackExchange.Redis;

namespace ProjectionReplay.Markers;

/// <summary>What replays have in Redis for one projection, told apart by tenant.</summary>
/// <param name="redis">The server.</param>
/// <param name="keys">What there is on it.</param>
/// <param name="projection">The projection's name.</param>
/// <param name="tenantIds">The tenants wanted; null for all of them.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class ProjectionMarkers(
    RedisServer redis, ReplayKeys keys, string projection, IReadOnlyList<string>? tenantIds, TimeProvider timeProvider)
{
    private readonly ReplayMarkers _markers = new(redis, projection);
    private readonly (string TenantId, AggregateFilter Filter)[]? _wanted = tenantIds
        ?.Select(tenantId => (tenantId, new AggregateFilter(tenantId, [])))
        .ToArray();

    /// <summary>Counts what there is, tenant by tenant.</summary>
    public Task<ReplayMarkerSummary[]> SummariseAsync(CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Counting markers", SummariseOnceAsync, cancellationToken);

    private async Task<ReplayMarkerSummary[]> SummariseOnceAsync(CancellationToken cancellationToken)
    {
        var tallies = new SortedDictionary<string, Tally>(StringComparer.Ordinal);
        await foreach (var (key, marker) in _markers.MarkersAsync(cancellationToken).ConfigureAwait(false))
        {
            foreach (var tenantId in TenantsOf(key))
            {
                if (marker == ReplayMarkers.Pending) TallyOf(tenantId).Pending++;
                else TallyOf(tenantId).Cutoff++;
            }
        }

        await foreach (var key in _markers.CompletedAsync(AggregateFilter.All, cancellationToken).ConfigureAwait(false))
        {
            foreach (var tenantId in TenantsOf(key)) TallyOf(tenantId).Completed++;
        }

        var age = await _markers.FindAgeAsync(cancellationToken).ConfigureAwait(false);
        var now = timeProvider.GetUtcNow().UtcDateTime;
        var occupants = (await ReplayLockScope.ReadOccupantsAsync(keys.LocksOf(projection), redis, cancellationToken).ConfigureAwait(false))
            .Where(occupant => !occupant.IsKnownDead).ToList();
        foreach (var tenantId in occupants.Select(occupant => occupant.Scope.TenantId).OfType<string>())
        {
            if (tenantIds?.Contains(tenantId, StringComparer.Ordinal) != false) TallyOf(tenantId);
        }

        return [.. tallies.Select(pair => Describe(pair.Key, pair.Value, age, now, occupants))];

        Tally TallyOf(string tenantId)
        {
            if (!tallies.TryGetValue(tenantId, out var tally)) tallies.Add(tenantId, tally = new Tally());
            return tally;
        }
    }

    /// <summary>Sends each marker as it is found.</summary>
    /// <exception cref="ReplayException">Redis is out of reach. What was sent is sent, so that this is not tried again.</exception>
    public async Task ListAsync(ReplayMessages messages, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var (key, marker) in _markers.MarkersAsync(cancellationToken).ConfigureAwait(false))
            {
                foreach (var tenantId in TenantsOf(key))
                {
                    await messages.SendAsync(
                        new ReplayFindingMessage(Describe(tenantId, key, marker)), cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
        {
            throw new ReplayException(
                ReplayError.RedisUnavailable,
                $"Listing the markers of projection '{projection}' stopped half way: {FaultText.Describe(exception)} "
                    + "Check that Redis is up, then run the command again.",
                exception);
        }
    }

    private ReplayMarkerSummary Describe(
        string tenantId, Tally tally, TimeSpan? age, DateTime now, IEnumerable<ReplayLockOccupant> occupants)
    {
        var isMarked = tally.Pending + tally.Cutoff > 0;
        return new ReplayMarkerSummary
        {
            Projection = projection,
            TenantId = tenantId,
            Pending = tally.Pending,
            Cutoff = tally.Cutoff,
            Completed = tally.Completed,
            OldestAge = isMarked ? age : null,
            LastActivity = isMarked ? now - age : null,

            // An array, as PowerShell can index no other list that is read-only.
            RunAtWork = occupants
                .Where(occupant => occupant.Scope.TenantId is null || occupant.Scope.TenantId == tenantId)
                .OrderBy(occupant => occupant.Scope.Shard?.Count ?? 0)
                .ThenBy(occupant => occupant.Scope.Shard?.Index ?? 0)
                .Select(ReplayRunAtWork.Of)
                .ToArray(),
        };
    }

    private ReplayMarker Describe(string tenantId, string key, string marker)
    {
        var isPending = marker == ReplayMarkers.Pending;
        return new ReplayMarker
        {
            Projection = projection,
            TenantId = tenantId,
            Aggregate = tenantId.Length < key.Length && key[tenantId.Length] == ':' ? key[(tenantId.Length + 1)..] : key,
            State = isPending ? "pending" : "cutoff",
            CutoffTimestamp = isPending ? null : MarkerInspection.TimeOf(marker),
            CutoffEventId = isPending ? null : marker,
        };
    }

    /// <summary>
    /// The tenants that a key string is told of: the one that it says, or each of those that were asked for and that it may
    /// be of, as a replay and a removal would take it.
    /// </summary>
    private IEnumerable<string> TenantsOf(string key) => _wanted is null
        ? [key[..Math.Max(0, AggregateTenant.Length(key))]]
        : _wanted.Where(wanted => wanted.Filter.Matches(key)).Select(wanted => wanted.TenantId);

    private sealed class Tally
    {
        public long Pending { get; set; }

        public long Cutoff { get; set; }

        public long Completed { get; set; }
    }
}

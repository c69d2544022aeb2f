using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Redis;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Markers;

/// <summary>
/// Tells what replays have in Redis: markers, completed aggregates, locks. Only reads, and scans as it does: never
/// blocks the server, and holds no more in memory than a count for each tenant. Safe for concurrent use.
/// </summary>
/// <param name="connections">Where the Redis URL comes from.</param>
/// <param name="timeProvider">The clock; the system's when null.</param>
public sealed class MarkerInspection(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    private const int Retries = 2;
    private const int TimeDigits = 13;

    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>
    /// Sends a <see cref="ReplayMarkerSummary"/> for each projection and tenant of which there is anything, sorted by both.
    /// </summary>
    /// <param name="wanted">What to look at; each is told of once, however often it is wanted.</param>
    /// <param name="messages">Where the findings go, as <see cref="ReplayFindingMessage"/>, and retries are told.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    /// <exception cref="ReplayException">There is no URL, or Redis is out of reach.</exception>
    public Task SummariseAsync(IReadOnlyList<MarkerWish> wanted, ReplayMessages messages, CancellationToken cancellationToken) =>
        VisitAsync(
            wanted,
            messages,
            includesLocked: true,
            async (visit, token) =>
            {
                foreach (var summary in await visit.SummariseAsync(token).ConfigureAwait(false))
                {
                    await messages.SendAsync(new ReplayFindingMessage(summary), token).ConfigureAwait(false);
                }
            },
            cancellationToken);

    /// <summary>
    /// Sends a <see cref="ReplayMarker"/> for each marker, projection by projection, in no order within one. Markers that
    /// are set or removed meanwhile may or may not be among them, and a scan may come across one twice.
    /// </summary>
    /// <inheritdoc cref="SummariseAsync"/>
    public Task ListAsync(IReadOnlyList<MarkerWish> wanted, ReplayMessages messages, CancellationToken cancellationToken) =>
        VisitAsync(wanted, messages, includesLocked: false, (visit, token) => visit.ListAsync(messages, token), cancellationToken);

    /// <summary>When the event of an id happened: ids begin with 13 digits of ms since 1970 UTC.</summary>
    internal static DateTime? TimeOf(string eventId) =>
        eventId.Length > TimeDigits
        && eventId[TimeDigits] == ':'
        && long.TryParse(eventId.AsSpan(0, TimeDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime
            : null;

    private async Task VisitAsync(
        IReadOnlyList<MarkerWish> wanted,
        ReplayMessages messages,
        bool includesLocked,
        Func<ProjectionMarkers, CancellationToken, Task> visit,
        CancellationToken cancellationToken)
    {
        var (options, redacted) = ServerSettings.Redis(connections.ResolveRedis());
        var redis = await RedisServer.ConnectAsync(
            options, redacted, messages.Allow(Retries, _timeProvider), cancellationToken).ConfigureAwait(false);
        await using (redis.ConfigureAwait(false))
        {
            var keys = await ReplayKeys.FindAsync(redis, cancellationToken).ConfigureAwait(false);
            foreach (var projection in includesLocked ? keys.ProjectionsAndLocked : keys.Projections)
            {
                var wishes = wanted.Where(wish => wish.Matches(projection)).ToList();
                if (wishes.Count == 0) continue;
                var tenants = wishes.Any(wish => wish.TenantIds is null)
                    ? null
                    : wishes.SelectMany(wish => wish.TenantIds!).Distinct(StringComparer.Ordinal).ToList();
                await visit(
                    new ProjectionMarkers(redis, keys, projection, tenants, _timeProvider),
                    cancellationToken).ConfigureAwait(false);
            }
        }
    }
}

/// <summary>Of which projections and tenants one wants to be told.</summary>
/// <param name="Matches">Whether a projection's name is wanted.</param>
/// <param name="TenantIds">The tenants; null for all of them.</param>
public sealed record MarkerWish(Func<string, bool> Matches, IReadOnlyList<string>? TenantIds);

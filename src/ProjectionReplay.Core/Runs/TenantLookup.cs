using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Runs;

/// <summary>
/// Tells somebody who is about to replay which tenants there are, and since when. Only reads, cheaply, and tries
/// nothing twice: whoever types has no patience. Safe for concurrent use.
/// </summary>
/// <param name="connections">Where the ClickHouse URL comes from.</param>
public sealed class TenantLookup(ReplayConnections connections)
{
    /// <summary>The database that is asked, by its URL without the password.</summary>
    /// <exception cref="ReplayException">There is no URL, or it cannot be read.</exception>
    public string Database => ServerSettings.ClickHouse(connections.ResolveClickHouse()).Redacted;

    /// <summary>Finds tenants whose id starts with a text, taken literally. May miss some of a very large event log.</summary>
    /// <param name="start">The text; empty for all tenants.</param>
    /// <param name="limit">As many as are wanted at most.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    /// <returns>The ids in ordinal order.</returns>
    /// <exception cref="ReplayException">There is no URL, or it cannot be read.</exception>
    /// <exception cref="Exception">ClickHouse did not answer; whatever its client throws.</exception>
    public async Task<IReadOnlyList<string>> FindTenantsAsync(string start, int limit, CancellationToken cancellationToken)
    {
        using var database = Open();
        return await new TenantSearch(database).FindAsync(start, limit, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>When the first of a tenant's events happened, UTC; null when it has none.</summary>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="cancellationToken">Abandons the search.</param>
    /// <exception cref="ReplayException">There is no URL, or it cannot be read.</exception>
    /// <exception cref="Exception">ClickHouse did not answer within two seconds; whatever its client throws.</exception>
    public async Task<DateTime?> FindFirstEventAsync(string tenantId, CancellationToken cancellationToken)
    {
        using var database = Open();
        return (await new TenantSearch(database).FindFirstTimestampAsync(tenantId, cancellationToken).ConfigureAwait(false))?.UtcDateTime;
    }

    private ClickHouseDatabase Open() => new(ServerSettings.ClickHouse(connections.ResolveClickHouse()).Settings);
}

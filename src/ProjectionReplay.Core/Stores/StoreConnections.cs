using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Stores;

/// <summary>The servers that a store may write to, opened for one run. A server that no store asks for is never connected.</summary>
/// <param name="clickHouse">Opens ClickHouse; called at most once.</param>
/// <param name="postgres">Opens Postgres; called at most once.</param>
public sealed class StoreConnections(Func<ClickHouseDatabase> clickHouse, Func<NpgsqlDataSource> postgres)
{
    private readonly Lazy<ClickHouseDatabase> _clickHouse = new(clickHouse);
    private readonly Lazy<NpgsqlDataSource> _postgres = new(postgres);

    /// <summary>The ClickHouse database of the event log.</summary>
    public ClickHouseDatabase ClickHouse => _clickHouse.Value;

    /// <summary>The Postgres database.</summary>
    /// <exception cref="ReplayException">No connection URL was given.</exception>
    public NpgsqlDataSource Postgres => _postgres.Value;

    /// <summary>How often calls to a store are made again, and who is told.</summary>
    internal Patience Patience { get; init; } = Patience.None;

    /// <summary>What a store of a kind is called with.</summary>
    internal Retries RetriesFor(ProjectionStoreKind kind) =>
        new(kind == ProjectionStoreKind.Postgres ? PostgresFaults.Rules : ClickHouseFaults.Rules, Patience);
}

using Npgsql;
using ProjectionReplay.ClickHouse;

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
    /// <exception cref="Replay.ReplayException">No connection URL was given.</exception>
    public NpgsqlDataSource Postgres => _postgres.Value;
}

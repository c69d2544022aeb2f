using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Reporting;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>The servers that a comparison reads from: ClickHouse, and Postgres when the store asks for it.</summary>
internal sealed class ComparisonServers : IAsyncDisposable
{
    private NpgsqlDataSource? _postgres;

    private ComparisonServers(ClickHouseDatabase clickHouse, ReplayConnections connections, Patience patience)
    {
        ClickHouse = clickHouse;
        Stores = new StoreConnections(
            () => ClickHouse,
            () => _postgres = PostgresSource.Open(connections.ResolveDatabase()))
        {
            Patience = patience,
        };
    }

    public ClickHouseDatabase ClickHouse { get; }

    public StoreConnections Stores { get; }

    /// <summary>Reads the URLs, all of them before any server is called.</summary>
    public static async Task<ComparisonServers> OpenAsync(
        ReplayConnections connections,
        bool needsPostgres,
        Patience patience,
        ReplayMessages messages,
        CancellationToken cancellationToken)
    {
        var (clickHouse, clickHouseUrl) = ServerSettings.ClickHouse(connections.ResolveClickHouse());
        var used = $"ClickHouse {clickHouseUrl}";
        if (needsPostgres) used += $", Postgres {ServerSettings.Postgres(connections.ResolveDatabase()).Redacted}";
        await messages.SendAsync(new ReplayVerboseMessage($"Using {used}."), cancellationToken).ConfigureAwait(false);
        var database = new ClickHouseDatabase(clickHouse) { Retries = new Retries(ClickHouseFaults.Rules, patience) };
        return new ComparisonServers(database, connections, patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (_postgres is not null) await _postgres.DisposeAsync().ConfigureAwait(false);
        ClickHouse.Dispose();
    }
}

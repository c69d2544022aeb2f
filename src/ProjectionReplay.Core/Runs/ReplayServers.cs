using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Redis;
using ProjectionReplay.Reporting;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Runs;

/// <summary>The servers of one run: ClickHouse and Redis always, Postgres when the store asks for it.</summary>
internal sealed class ReplayServers : IAsyncDisposable
{
    private readonly ClickHouseDatabase _clickHouse;
    private NpgsqlDataSource? _postgres;

    private ReplayServers(ClickHouseDatabase clickHouse, RedisServer redis, ReplayConnections connections, Patience patience)
    {
        Patience = patience;
        _clickHouse = clickHouse;
        Redis = redis;
        EventLog = new ClickHouseEventLog(clickHouse);
        Stores = new StoreConnections(
            () => _clickHouse,
            () => _postgres = PostgresSource.Open(connections.ResolveDatabase()))
        {
            Patience = patience,
        };
    }

    /// <summary>How often calls to any of them are made again.</summary>
    public Patience Patience { get; }

    public RedisServer Redis { get; }

    public ClickHouseEventLog EventLog { get; }

    public StoreConnections Stores { get; }

    /// <summary>Reads the URLs, all of them before any server is called, and connects to Redis.</summary>
    public static async Task<ReplayServers> OpenAsync(
        ReplayConnections connections,
        bool needsPostgres,
        Patience patience,
        ReplayMessages messages,
        CancellationToken cancellationToken)
    {
        var (clickHouse, clickHouseUrl) = ServerSettings.ClickHouse(connections.ResolveClickHouse());
        var (redisOptions, redisUrl) = ServerSettings.Redis(connections.ResolveRedis());
        var used = $"ClickHouse {clickHouseUrl}, Redis {redisUrl}";
        if (needsPostgres) used += $", Postgres {ServerSettings.Postgres(connections.ResolveDatabase()).Redacted}";
        await messages.SendAsync(new ReplayVerboseMessage($"Using {used}."), cancellationToken).ConfigureAwait(false);

        var redis = await RedisServer.ConnectAsync(redisOptions, redisUrl, patience, cancellationToken).ConfigureAwait(false);
        var database = new ClickHouseDatabase(clickHouse) { Retries = new Retries(ClickHouseFaults.Rules, patience) };
        return new ReplayServers(database, redis, connections, patience);
    }

    public async ValueTask DisposeAsync()
    {
        await Redis.DisposeAsync().ConfigureAwait(false);
        if (_postgres is not null) await _postgres.DisposeAsync().ConfigureAwait(false);
        _clickHouse.Dispose();
    }
}

using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Replay;

/// <summary>The servers of one run: ClickHouse and Redis always, Postgres when the store asks for it.</summary>
internal sealed class ReplayServers : IAsyncDisposable
{
    private readonly ClickHouseDatabase _clickHouse;
    private NpgsqlDataSource? _postgres;

    private ReplayServers(ClickHouseDatabase clickHouse, RedisServer redis, ReplayConnections connections)
    {
        _clickHouse = clickHouse;
        Redis = redis;
        EventLog = new ClickHouseEventLog(clickHouse);
        Stores = new StoreConnections(
            () => _clickHouse,
            () => _postgres = PostgresSource.Open(connections.ResolveDatabase()));
    }

    public RedisServer Redis { get; }

    public ClickHouseEventLog EventLog { get; }

    public StoreConnections Stores { get; }

    /// <summary>Reads the URLs, all of them before any server is called, and connects to Redis.</summary>
    public static async Task<ReplayServers> OpenAsync(
        ReplayConnections connections, bool needsPostgres, FaultPolicy faults, ReplayMessages messages, CancellationToken cancellationToken)
    {
        var (clickHouse, clickHouseUrl) = ServerSettings.ClickHouse(connections.ResolveClickHouse());
        var (redisOptions, redisUrl) = ServerSettings.Redis(connections.ResolveRedis());
        var used = $"ClickHouse {clickHouseUrl}, Redis {redisUrl}";
        if (needsPostgres) used += $", Postgres {ServerSettings.Postgres(connections.ResolveDatabase()).Redacted}";
        await messages.SendAsync(new ReplayVerboseMessage($"Using {used}."), cancellationToken).ConfigureAwait(false);

        var redis = await faults.CallAsync(
            Server.Redis,
            $"Connecting to {redisUrl}",
            token => RedisServer.ConnectAsync(redisOptions, token),
            cancellationToken).ConfigureAwait(false);
        return new ReplayServers(new ClickHouseDatabase(clickHouse), redis, connections);
    }

    public async ValueTask DisposeAsync()
    {
        await Redis.DisposeAsync().ConfigureAwait(false);
        if (_postgres is not null) await _postgres.DisposeAsync().ConfigureAwait(false);
        _clickHouse.Dispose();
    }
}

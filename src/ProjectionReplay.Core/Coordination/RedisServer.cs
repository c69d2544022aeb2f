using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>The Redis that coordinates with the live system, opened for one run.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly ConnectionMultiplexer _multiplexer;

    private RedisServer(ConnectionMultiplexer multiplexer) => _multiplexer = multiplexer;

    public IDatabase Database => _multiplexer.GetDatabase();

    public static async Task<RedisServer> ConnectAsync(ConfigurationOptions options, CancellationToken cancellationToken) =>
        new(await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>The keys that match a pattern, over all primaries. Scans: never blocks the server.</summary>
    public async IAsyncEnumerable<string> ScanAsync(
        string pattern, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var server in _multiplexer.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }))
        {
            var keys = server.KeysAsync(Database.Database, pattern, pageSize: 1000).WithCancellation(cancellationToken);
            await foreach (var key in keys.ConfigureAwait(false)) yield return key.ToString();
        }
    }

    public ValueTask DisposeAsync() => _multiplexer.DisposeAsync();
}

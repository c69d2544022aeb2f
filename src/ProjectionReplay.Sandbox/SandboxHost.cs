using System.Globalization;
using ProjectionReplay.Sandbox.ClickHouse;
using ProjectionReplay.Sandbox.ClickHouse.Http;
using ProjectionReplay.Sandbox.Engines;
using ProjectionReplay.Sandbox.Postgres;
using ProjectionReplay.Sandbox.Redis;

namespace ProjectionReplay.Sandbox;

/// <summary>
/// Real engines on loopback with the project's tables: what a first run, a test or a benchmark
/// needs in place of servers. Disposal stops them and removes temporary data.
/// </summary>
/// <remarks>
/// ClickHouse runs in this process and can be started once per process; use
/// <see cref="SandboxProcess"/> for more. Not thread-safe.
/// </remarks>
public sealed class SandboxHost : IAsyncDisposable
{
    private readonly SandboxDirectory _directory;
    private ChdbEngine? _engine;
    private ClickHouseHttpServer? _clickHouse;
    private GarnetEngine? _redis;
    private PostgresEngine? _postgres;

    private SandboxHost(SandboxDirectory directory) => _directory = directory;

    /// <summary><c>http://default:@127.0.0.1:PORT/langwatch</c>, or null when ClickHouse was not asked for.</summary>
    public string? ClickHouseUrl => _clickHouse is null
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"http://default:@127.0.0.1:{_clickHouse.Port}/{SandboxSchema.Database}");

    /// <summary><c>redis://127.0.0.1:PORT</c>, or null when Redis was not asked for.</summary>
    public string? RedisUrl => _redis is null ? null : string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{_redis.Port}");

    /// <summary><c>postgresql://USER:PASSWORD@127.0.0.1:PORT/langwatch</c>, or null when PostgreSQL was not asked for.</summary>
    public string? DatabaseUrl => _postgres?.UrlOf(SandboxSchema.Database);

    /// <summary>Starts the engines and creates the tables that are missing. The first start on a machine installs the engines.</summary>
    /// <exception cref="SandboxException">An engine cannot be had or does not start.</exception>
    public static async Task<SandboxHost> StartAsync(SandboxOptions options, CancellationToken cancellationToken = default)
    {
        var host = new SandboxHost(SandboxDirectory.Open(options.DataDirectory));
        try
        {
            // PostgreSQL takes longest and works in its own process, so the others start meanwhile.
            var postgres = options.Engines.HasFlag(SandboxEngines.Postgres)
                ? host.StartPostgresAsync(options, cancellationToken)
                : Task.CompletedTask;
            try
            {
                if (options.Engines.HasFlag(SandboxEngines.ClickHouse))
                    await host.StartClickHouseAsync(options, cancellationToken);
                if (options.Engines.HasFlag(SandboxEngines.Redis))
                    host._redis = await GarnetEngine.StartAsync(options.RedisPort);
            }
            finally
            {
                await postgres;
            }
            return host;
        }
        catch (Exception e)
        {
            await host.DisposeAsync();
            if (e is SandboxException or OperationCanceledException)
                throw;
            throw new SandboxException("The sandbox could not start: " + e.Message, e);
        }
    }

    /// <summary>Stops the engines; takes a second or two.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_clickHouse is not null)
            await _clickHouse.DisposeAsync();
        _redis?.Dispose();
        if (_engine is not null)
            await Task.Factory.StartNew(_engine.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (_postgres is not null)
            await _postgres.DisposeAsync();
        _directory.Dispose();
    }

    private async Task StartClickHouseAsync(SandboxOptions options, CancellationToken cancellationToken)
    {
        var library = await EnginePackage.ChdbLibraryAsync(cancellationToken);
        _engine = await Task.Factory.StartNew(
            () =>
            {
                var engine = ChdbEngine.Start(library, _directory.PathOf("clickhouse"));
                SandboxSchema.CreateClickHouseTables(engine);
                return engine;
            },
            cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _clickHouse = await ClickHouseHttpServer.StartAsync(_engine, options.ClickHousePort, cancellationToken);
    }

    private async Task StartPostgresAsync(SandboxOptions options, CancellationToken cancellationToken)
    {
        _postgres = await PostgresEngine.StartAsync(
            _directory.PathOf("postgres"), options.PostgresPort, durable: !_directory.IsTemporary, cancellationToken);
        await SandboxSchema.CreatePostgresTablesAsync(_postgres, cancellationToken);
    }
}

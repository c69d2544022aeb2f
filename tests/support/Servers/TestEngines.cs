using System.Collections.Concurrent;
using Npgsql;
using ProjectionReplay.Sandbox;

namespace ProjectionReplay.Servers;

/// <summary>
/// Real engines for all tests of a process: a sandbox, unless CLICKHOUSE_URL, REDIS_URL and DATABASE_URL name servers.
/// Started when the first test asks for them, and never when none does.
/// </summary>
/// <remarks>Each room has it as a fixture of its assembly, for no other reason than that the engines end before the process does.</remarks>
public sealed class TestEngines : IAsyncDisposable
{
    private static readonly Lazy<Task<TestEngines>> s_shared = new(StartAsync);

    // Redis has sixteen unless it is told otherwise, and a cluster has one.
    private readonly ConcurrentStack<int> _freeRedisDatabases = new(Enumerable.Range(0, 16).Reverse());

    private SandboxProcess? _sandbox;

    /// <summary>ClickHouse's URL, with a database that is there.</summary>
    internal string ClickHouseUrl { get; private set; } = "";

    internal string RedisUrl { get; private set; } = "";

    /// <summary>PostgreSQL's URL, with a database that is there.</summary>
    internal string DatabaseUrl { get; private set; } = "";

    /// <summary>What the sandbox complained of so far.</summary>
    internal string Errors => _sandbox?.Errors ?? "";

    /// <summary>The engines, started if they are not yet.</summary>
    internal static Task<TestEngines> SharedAsync() => s_shared.Value;

    /// <summary>
    /// A database that no class uses just now, so that what one class stores by the thousand is not in another's way:
    /// scans of the sandbox's Redis miss keys while others come and go.
    /// </summary>
    internal int TakeRedisDatabase() => _freeRedisDatabases.TryPop(out var database) ? database : 0;

    internal void ReturnRedisDatabase(int database) => _freeRedisDatabases.Push(database);

    /// <summary>Stops what this process started.</summary>
    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (!s_shared.IsValueCreated || (await s_shared.Value)._sandbox is not { } sandbox) return;
        if (sandbox.Process.HasExited)
        {
            await Console.Error.WriteLineAsync($"The sandbox ended by itself with exit code {sandbox.Process.ExitCode}.");
        }

        await Console.Error.WriteAsync(sandbox.Errors);
        await sandbox.DisposeAsync();
    }

    private static async Task<TestEngines> StartAsync()
    {
        // As in this process (Tests.props), so in all that it starts.
        Environment.SetEnvironmentVariable("DOTNET_TieredPGO", "0");
        var (clickHouse, redis, postgres) = (Named("CLICKHOUSE_URL"), Named("REDIS_URL"), Named("DATABASE_URL"));
        var missing = SandboxEngines.All;
        if (clickHouse is not null) missing &= ~SandboxEngines.ClickHouse;
        if (redis is not null) missing &= ~SandboxEngines.Redis;
        if (postgres is not null) missing &= ~SandboxEngines.Postgres;
        var sandbox = missing == SandboxEngines.None ? null : await SandboxProcess.StartAsync(new SandboxOptions { Engines = missing });
        return new TestEngines
        {
            _sandbox = sandbox,
            ClickHouseUrl = clickHouse ?? sandbox!.ClickHouseUrl!,
            RedisUrl = redis ?? sandbox!.RedisUrl!,
            DatabaseUrl = postgres ?? sandbox!.DatabaseUrl!,
        };

        static string? Named(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } url ? url : null;
    }
}

using ProjectionReplay.Configuration;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>A ClickHouse database of one test's own, with tables that the test may maltreat.</summary>
internal sealed class OwnDatabase : IAsyncDisposable
{
    private readonly TestServers _servers;

    private OwnDatabase(TestServers servers, string name) => (_servers, Name) = (servers, name);

    /// <summary>The database's name, unquoted.</summary>
    public string Name { get; }

    /// <summary>Connections with this database in place of the usual one.</summary>
    public ReplayConnections Connections => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = $"{_servers.ClickHouseUrl[..(_servers.ClickHouseUrl.LastIndexOf('/') + 1)]}{Uri.EscapeDataString(Name)}",
        RedisUrl = _servers.RedisUrl,
        DatabaseUrl = _servers.DatabaseUrl,
    };

    /// <summary>Creates a database with an event log and a table for evaluations.</summary>
    public static async Task<OwnDatabase> CreateAsync(TestServers servers, string name = "own")
    {
        var database = new OwnDatabase(servers, $"{name} {Guid.NewGuid():N}");
        await servers.ExecuteAsync($"CREATE DATABASE {database.Quoted}");
        await servers.ExecuteAsync(SandboxSchema.EventLog.Replace("event_log", $"{database.Quoted}.event_log", StringComparison.Ordinal));
        await servers.ExecuteAsync(SandboxSchema.EvaluationStates.Replace(
            "evaluation_states", $"{database.Quoted}.evaluation_states", StringComparison.Ordinal));
        return database;
    }

    /// <summary>A table of the database, quoted.</summary>
    public string Table(string table) => $"{Quoted}.{table}";

    /// <summary>Has the tenant's events in this database too.</summary>
    public Task CopyAsync(TestTenant tenant) =>
        _servers.ExecuteAsync($"INSERT INTO {Table("event_log")} SELECT * FROM event_log WHERE TenantId = '{tenant.Id}'");

    public async ValueTask DisposeAsync() => await _servers.ExecuteAsync($"DROP DATABASE {Quoted}");

    private string Quoted => $"`{Name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("`", "\\`", StringComparison.Ordinal)}`";
}

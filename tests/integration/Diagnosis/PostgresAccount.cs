using ProjectionReplay.Configuration;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Diagnosis;

/// <summary>A Postgres role of one test's own, without any rights, and a schema of its own that it may use.</summary>
internal sealed class PostgresAccount : IAsyncDisposable
{
    private readonly TestServers _servers;

    private PostgresAccount(TestServers servers) => _servers = servers;

    /// <summary>The role's name, and the schema's.</summary>
    public string Name { get; } = $"r{Guid.NewGuid():N}";

    public string Password { get; } = $"p{Guid.NewGuid():N}";

    /// <summary>The server's URL, for the role, in the schema.</summary>
    public string Url
    {
        get
        {
            var server = new Uri(_servers.DatabaseUrl);
            return $"postgresql://{Name}:{Password}@{server.Authority}{server.AbsolutePath}?schema={Name}";
        }
    }

    /// <summary>Connections with this role in place of the usual one.</summary>
    public ReplayConnections Connections => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = _servers.ClickHouseUrl,
        RedisUrl = _servers.RedisUrl,
        DatabaseUrl = Url,
    };

    public static async Task<PostgresAccount> CreateAsync(TestServers servers)
    {
        var account = new PostgresAccount(servers);
        await account.ExecuteAsync($"CREATE ROLE {account.Name} LOGIN PASSWORD '{account.Password}'");
        await account.ExecuteAsync($"CREATE SCHEMA {account.Name}");
        await account.ExecuteAsync($"GRANT USAGE ON SCHEMA {account.Name} TO {account.Name}");
        return account;
    }

    /// <summary>Runs a statement as the owner of everything.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = _servers.Postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"DROP SCHEMA {Name} CASCADE");
        await ExecuteAsync($"DROP OWNED BY {Name}");
        await ExecuteAsync($"DROP ROLE {Name}");
    }
}

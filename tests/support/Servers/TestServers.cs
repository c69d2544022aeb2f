using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Sandbox;
using StackExchange.Redis;

namespace ProjectionReplay.Servers;

/// <summary>
/// Real servers for the tests of one class, with databases of its own in ClickHouse and PostgreSQL, so that classes run
/// side by side. In Redis, which they share, each test goes by a tenant of its own.
/// </summary>
public sealed class TestServers : IAsyncLifetime
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly string _database = $"test_{Guid.NewGuid():N}";
    private TestEngines _engines = null!;
    private Uri _clickHouse = null!;
    private int _redisDatabase;

    public string ClickHouseUrl { get; private set; } = "";

    public string RedisUrl { get; private set; } = "";

    public string DatabaseUrl { get; private set; } = "";

    public IDatabase Redis { get; private set; } = null!;

    public NpgsqlDataSource Postgres { get; private set; } = null!;

    /// <summary>Connections to the servers, whatever the environment of the test run says.</summary>
    public ReplayConnections Connections => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = ClickHouseUrl,
        RedisUrl = RedisUrl,
        DatabaseUrl = DatabaseUrl,
    };

    public async ValueTask InitializeAsync()
    {
        Punctuality.Watch();
        _engines = await TestEngines.SharedAsync();
        _redisDatabase = _engines.TakeRedisDatabase();
        (ClickHouseUrl, RedisUrl, DatabaseUrl) = (
            WithDatabase(_engines.ClickHouseUrl, _database),
            WithDatabase(_engines.RedisUrl, _redisDatabase.ToString(CultureInfo.InvariantCulture)),
            WithDatabase(_engines.DatabaseUrl, _database));

        var clickHouse = ServerUrl.Parse(ClickHouseUrl, "CLICKHOUSE_URL", "http", "https");
        _clickHouse = new Uri($"{clickHouse.Scheme}://{clickHouse.Host}:{clickHouse.Port}/");
        var credentials = Encoding.UTF8.GetBytes($"{clickHouse.User}:{clickHouse.Password}");
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(credentials));

        var multiplexer = await ConnectionMultiplexer.ConnectAsync(ServerSettings.Redis(new ConnectionUrl(RedisUrl, "REDIS_URL")).Options);
        Redis = multiplexer.GetDatabase();
        await Task.WhenAll(CreateClickHouseTablesAsync(), CreatePostgresTablesAsync());
    }

    /// <summary>Runs a query on ClickHouse and returns its rows as JSON.</summary>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string sql, params (string Name, string Value)[] parameters)
    {
        var bound = string.Concat(parameters.Select(parameter => $"&param_{parameter.Name}={Uri.EscapeDataString(parameter.Value)}"));
        var answer = await PostAsync(
            $"?database={_database}{bound}&output_format_json_quote_64bit_integers=0", sql + "\nFORMAT JSONEachRow");
        return [.. answer.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    /// <summary>Runs a statement on ClickHouse.</summary>
    public Task ExecuteAsync(string sql) => PostAsync($"?database={_database}", sql);

    /// <summary>Inserts rows, one JSON object a line.</summary>
    public Task InsertAsync(string table, string jsonLines) =>
        PostAsync($"?database={_database}&query={Uri.EscapeDataString($"INSERT INTO {table} FORMAT JSONEachRow")}", jsonLines);

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Redis is not null) await Redis.Multiplexer.DisposeAsync();
            _engines?.ReturnRedisDatabase(_redisDatabase);
            if (_clickHouse is not null) await PostAsync("", $"DROP DATABASE IF EXISTS {_database}");
        }
        finally
        {
            _http.Dispose();
            if (Postgres is not null)
            {
                await Postgres.DisposeAsync();
                await ExecuteOnPostgresAsync($"DROP DATABASE IF EXISTS {_database} WITH (FORCE)");
            }
        }
    }

    private async Task CreateClickHouseTablesAsync()
    {
        await PostAsync("", $"CREATE DATABASE {_database}");
        foreach (var table in SandboxSchema.ClickHouseTables) await ExecuteAsync(table);
    }

    private async Task CreatePostgresTablesAsync()
    {
        await ExecuteOnPostgresAsync($"CREATE DATABASE {_database}");
        Postgres = NpgsqlDataSource.Create(ServerSettings.Postgres(new ConnectionUrl(DatabaseUrl, "DATABASE_URL")).ConnectionString);
        await using var tables = Postgres.CreateCommand(SandboxSchema.Counters);
        await tables.ExecuteNonQueryAsync();
    }

    private async Task ExecuteOnPostgresAsync(string sql)
    {
        var settings = ServerSettings.Postgres(new ConnectionUrl(_engines.DatabaseUrl, "DATABASE_URL"));
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The URL with a database in the place of the one it names.</summary>
    private static string WithDatabase(string url, string database)
    {
        var query = url.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? url[at..] : "";
        var server = url[..(url.Length - query.Length)];
        var path = server.IndexOf('/', server.IndexOf("://", StringComparison.Ordinal) + 3);
        return $"{(path < 0 ? server : server[..path])}/{database}{query}";
    }

    private async Task<string> PostAsync(string parameters, string body)
    {
        using var content = new StringContent(body);
        using var response = await _http.PostAsync(new Uri(_clickHouse, parameters), content);
        var answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode
            ? answer
            : throw new InvalidOperationException($"{response.StatusCode}: {answer}{_engines.Errors}");
    }
}

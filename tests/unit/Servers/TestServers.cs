using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Servers;
using StackExchange.Redis;

[assembly: AssemblyFixture(typeof(TestServers))]

namespace ProjectionReplay.Servers;

/// <summary>
/// Real servers for every test of the assembly: a sandbox, unless CLICKHOUSE_URL, REDIS_URL or DATABASE_URL name
/// others. Tests run side by side on them, each with a tenant of its own.
/// </summary>
public sealed class TestServers : IAsyncLifetime
{
    private readonly HttpClient _http = new();
    private SandboxProcess? _sandbox;

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
        _sandbox = await SandboxProcess.StartAsync();
        ClickHouseUrl = Named("CLICKHOUSE_URL") ?? _sandbox.ClickHouseUrl!;
        RedisUrl = Named("REDIS_URL") ?? _sandbox.RedisUrl!;
        DatabaseUrl = Named("DATABASE_URL") ?? _sandbox.DatabaseUrl!;

        var clickHouse = ServerUrl.Parse(ClickHouseUrl, "CLICKHOUSE_URL", "http", "https");
        _http.BaseAddress = new Uri($"{clickHouse.Scheme}://{clickHouse.Host}:{clickHouse.Port}/?database={clickHouse.Path}");
        var credentials = Encoding.UTF8.GetBytes($"{clickHouse.User}:{clickHouse.Password}");
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(credentials));

        var multiplexer = await ConnectionMultiplexer.ConnectAsync(
            ServerSettings.Redis(new ConnectionUrl(RedisUrl, "REDIS_URL")).Options);
        Redis = multiplexer.GetDatabase();
        Postgres = NpgsqlDataSource.Create(ServerSettings.Postgres(new ConnectionUrl(DatabaseUrl, "DATABASE_URL")).ConnectionString);

        static string? Named(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } url ? url : null;
    }

    /// <summary>Runs a query on ClickHouse and returns its rows as JSON.</summary>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string sql, params (string Name, string Value)[] parameters)
    {
        var bound = string.Concat(parameters.Select(parameter => $"&param_{parameter.Name}={Uri.EscapeDataString(parameter.Value)}"));
        var answer = await PostAsync(
            $"{_http.BaseAddress}{bound}&output_format_json_quote_64bit_integers=0", sql + "\nFORMAT JSONEachRow");
        return [.. answer.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    /// <summary>Runs a statement on ClickHouse.</summary>
    public Task ExecuteAsync(string sql) => PostAsync(_http.BaseAddress!.ToString(), sql);

    /// <summary>Inserts rows, one JSON object a line.</summary>
    public Task InsertAsync(string table, string jsonLines) =>
        PostAsync($"{_http.BaseAddress}&query={Uri.EscapeDataString($"INSERT INTO {table} FORMAT JSONEachRow")}", jsonLines);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (Redis is not null) await Redis.Multiplexer.DisposeAsync();
        if (Postgres is not null) await Postgres.DisposeAsync();
        if (_sandbox is null) return;
        if (_sandbox.Process.HasExited) await Console.Error.WriteLineAsync($"The sandbox ended by itself with exit code {_sandbox.Process.ExitCode}.");
        await Console.Error.WriteAsync(_sandbox.Errors);
        await _sandbox.DisposeAsync();
    }

    private async Task<string> PostAsync(string url, string body)
    {
        using var content = new StringContent(body);
        using var response = await _http.PostAsync(new Uri(url), content);
        var answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? answer : throw new InvalidOperationException($"{response.StatusCode}: {answer}{_sandbox?.Errors}");
    }
}

using ProjectionReplay.Faults;

namespace ProjectionReplay.Configuration;

/// <summary>
/// Where the connection URLs come from: a parameter, else an environment variable, else <c>.env</c> in a directory.
/// A URL is looked for when it is asked for, so that a server that is not needed need not be configured.
/// </summary>
public sealed class ReplayConnections
{
    private readonly SettingSources _sources;

    /// <summary>Sets the sources.</summary>
    /// <param name="directory">The directory whose <c>.env</c> is read, or null for none.</param>
    /// <param name="environment">Reads an environment variable; the process environment when null.</param>
    public ReplayConnections(string? directory, Func<string, string?>? environment = null) => _sources = new(directory, environment);

    /// <summary>The ClickHouse URL given as parameter, or null.</summary>
    public string? ClickHouseUrl { get; init; }

    /// <summary>The Redis URL given as parameter, or null.</summary>
    public string? RedisUrl { get; init; }

    /// <summary>The Postgres URL given as parameter, or null.</summary>
    public string? DatabaseUrl { get; init; }

    /// <summary>Finds the ClickHouse URL.</summary>
    /// <exception cref="ReplayException">There is none, or it cannot be read.</exception>
    public ConnectionUrl ResolveClickHouse() => Resolve(ClickHouseUrl, "ClickHouse", "-ClickHouseUrl", "CLICKHOUSE_URL");

    /// <summary>Finds the Redis URL.</summary>
    /// <exception cref="ReplayException">There is none, or it cannot be read.</exception>
    public ConnectionUrl ResolveRedis() => Resolve(RedisUrl, "Redis", "-RedisUrl", "REDIS_URL");

    /// <summary>Finds the Postgres URL.</summary>
    /// <exception cref="ReplayException">There is none, or it cannot be read.</exception>
    public ConnectionUrl ResolveDatabase() => Resolve(DatabaseUrl, "Postgres", "-DatabaseUrl", "DATABASE_URL");

    private ConnectionUrl Resolve(string? given, string server, string parameter, string variable)
    {
        if (_sources.Find(given, parameter, variable) is { } setting) return new(setting.Value, setting.Source);
        throw new ReplayException(
            ReplayError.ConnectionUrlMissing,
            $"No {server} URL. Give {parameter}, or set the environment variable {variable}, or put {_sources.DescribeFile(variable)}.");
    }
}

/// <summary>A connection URL and where it came from. Its text form never shows the password.</summary>
public sealed class ConnectionUrl
{
    internal ConnectionUrl(string url, string source)
    {
        Value = url;
        Source = source;
    }

    /// <summary>The parameter, variable or file that gave the URL.</summary>
    public string Source { get; }

    /// <summary>The URL, password included.</summary>
    internal string Value { get; }

    /// <summary>Where it came from, without the URL itself.</summary>
    public override string ToString() => Source;
}

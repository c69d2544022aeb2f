using System.Globalization;
using ClickHouse.Driver.ADO;
using Npgsql;
using StackExchange.Redis;

namespace ProjectionReplay.Configuration;

/// <summary>Turns connection URLs into the settings of each server's client library.</summary>
internal static class ServerSettings
{
    private const string DefaultDatabase = "langwatch";

    /// <summary><c>http(s)://user:pass@host:port/database?clickhouse_setting_name=value</c></summary>
    public static (ClickHouseClientSettings Settings, string Redacted) ClickHouse(ConnectionUrl source)
    {
        var url = ServerUrl.Parse(source.Value, source.Source, "http", "https");
        var secure = url.Scheme == "https";
        var settings = new ClickHouseClientSettings
        {
            Protocol = url.Scheme,
            Host = url.Host.Contains(':', StringComparison.Ordinal) ? $"[{url.Host}]" : url.Host,
            Port = (ushort)(url.Port ?? (secure ? 8443 : 8123)),
            Database = url.Path.Length > 0 ? url.Path : DefaultDatabase,
            Username = string.IsNullOrEmpty(url.User) ? "default" : url.User,
            Password = url.Password ?? "",
            UseSession = false,
            // A page of a large replay may take minutes to come; what must end early is cancelled.
            Timeout = TimeSpan.FromHours(1),
        };

        const string SettingPrefix = "clickhouse_setting_";
        foreach (var (name, value) in url.Query)
        {
            if (!name.StartsWith(SettingPrefix, StringComparison.Ordinal))
            {
                throw ServerUrl.Invalid(source.Source, $"has a parameter '{name}' that is not known here; only {SettingPrefix}<name> is");
            }

            settings.CustomSettings[name[SettingPrefix.Length..]] = value;
        }

        return (settings, url.Redacted);
    }

    /// <summary><c>redis(s)://user:pass@host:port/n?sslrootcert=file</c></summary>
    public static (ConfigurationOptions Options, string Redacted) Redis(ConnectionUrl source)
    {
        var url = ServerUrl.Parse(source.Value, source.Source, "redis", "rediss");
        var database = 0;
        if (url.Path.Length > 0 && !int.TryParse(url.Path, NumberStyles.None, CultureInfo.InvariantCulture, out database))
        {
            throw ServerUrl.Invalid(source.Source, "has a path that is not a database number");
        }

        var certificate = Query(url, "sslrootcert");
        var options = new ConfigurationOptions
        {
            ClientName = "projection-replay",
            User = string.IsNullOrEmpty(url.User) ? null : url.User,
            Password = string.IsNullOrEmpty(url.Password) ? null : url.Password,
            DefaultDatabase = database,
            Ssl = url.Scheme == "rediss",
            SslHost = url.Scheme == "rediss" ? url.Host : null,
            AbortOnConnectFail = true,
            ConnectTimeout = 5_000,
            SyncTimeout = 15_000,
            AsyncTimeout = 15_000,
        };
        options.EndPoints.Add(url.Host, url.Port ?? 6379);
        try
        {
            if (certificate is not null) options.TrustIssuer(certificate);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException
            or System.Security.Cryptography.CryptographicException)
        {
            throw ServerUrl.Invalid(source.Source, $"names an sslrootcert that cannot be read ({exception.Message.TrimEnd('.')})");
        }

        return (options, url.Redacted);
    }

    /// <summary><c>postgres(ql)://user:pass@host:port/database?sslmode=...&amp;schema=...</c></summary>
    /// <remarks>
    /// Understands the parameters of libpq (https://www.postgresql.org/docs/current/libpq-connect.html) and of Prisma that
    /// matter to one short-lived client, and ignores the rest (<c>connection_limit</c>, <c>pool_timeout</c> and the like), as
    /// the same URL serves others. Open it by <c>PostgresSource</c>.
    /// </remarks>
    public static (string ConnectionString, string Redacted) Postgres(ConnectionUrl source)
    {
        var url = ServerUrl.Parse(source.Value, source.Source, "postgres", "postgresql");
        var isPooled = IsPooled(url);
        var user = Query(url, "user") ?? url.User;
        var builder = new NpgsqlConnectionStringBuilder
        {
            ApplicationName = "projection-replay",
            Host = Query(url, "host") ?? url.Host,
            Port = Number(url, "port", source) ?? url.Port ?? 5432,
            Username = user,
            Password = Query(url, "password") ?? url.Password,
            Database = Query(url, "dbname") ?? (url.Path.Length > 0 ? url.Path : user),
            Timeout = Number(url, "connect_timeout", source) ?? 10,
            CommandTimeout = 300,
            IncludeErrorDetail = false,

            // What is written to a column without a time zone is of the session's.
            Timezone = "UTC",

            // Short-lived: a pool would only hold connections open behind the operator's back.
            MaxPoolSize = 4,

            // A pooler takes few parameters when a session starts, and another server for each transaction. Tables are called
            // by their schema as well.
            SearchPath = isPooled ? null : PostgresSchema(source),
            NoResetOnClose = isPooled,
        };
        if (Query(url, "sslmode") is { } mode) builder.SslMode = ParseSslMode(mode, source.Source);
        if (Query(url, "sslrootcert") is { } certificate) builder.RootCertificate = certificate;
        if (Query(url, "target_session_attrs") is { } target && target is not ("any" or "read-write" or "primary"))
        {
            throw ServerUrl.Invalid(source.Source, "has a target_session_attrs other than any, read-write and primary: a replay writes");
        }

        return (builder.ConnectionString, Query(url, "host") is { } host ? $"{url.Redacted} at {host}" : url.Redacted);
    }

    /// <summary>The schema that the URL names, or null.</summary>
    public static string? PostgresSchema(ConnectionUrl source) =>
        Query(ServerUrl.Parse(source.Value, source.Source, "postgres", "postgresql"), "schema") is { Length: > 0 } schema ? schema : null;

    /// <summary>Whether the URL says that a pooler stands before Postgres.</summary>
    public static bool IsPostgresPooled(ConnectionUrl source) =>
        IsPooled(ServerUrl.Parse(source.Value, source.Source, "postgres", "postgresql"));

    private static bool IsPooled(ServerUrl url) =>
        Query(url, "pgbouncer") is { } pooled && !string.Equals(pooled, "false", StringComparison.OrdinalIgnoreCase);

    private static string? Query(ServerUrl url, string name) => url.Query.LastOrDefault(pair => pair.Key == name).Value;

    private static int? Number(ServerUrl url, string name, ConnectionUrl source) => Query(url, name) switch
    {
        null => null,
        var text when ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0
            && (name == "port" || number <= 1_024) => number,
        _ => throw ServerUrl.Invalid(source.Source, $"has a {name} that is no number"),
    };

    private static SslMode ParseSslMode(string value, string source) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw ServerUrl.Invalid(source, "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full"),
    };
}

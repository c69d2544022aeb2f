using System.Globalization;
using System.Security.Cryptography;
using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.Faults;
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
        // The path counts, as for the clients that know both.
        var number = url.Path.Length > 0 ? url.Path : Query(url, "db") ?? "0";
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var database))
        {
            throw ServerUrl.Invalid(source.Source, "has a path that is not a database number, or such a db");
        }

        if (Query(url, "keyPrefix") is { Length: > 0 })
        {
            throw ServerUrl.Invalid(source.Source, "has a keyPrefix: a replay and live handlers look for their keys without one");
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
        catch (Exception exception) when (IsOfFile(exception))
        {
            throw UnreadableCertificate(source, exception);
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
        if (Array.Find(["hostaddr", "service", "servicefile"], name => Query(url, name) is not null) is { } unknown)
        {
            throw ServerUrl.Invalid(source.Source, $"has the parameter {unknown}, which is not known here: name the server by its host");
        }

        var hosts = PostgresHosts.Read(url, Query(url, "host"), Query(url, "port"), source.Source);
        var isPooled = IsPooled(url);
        var user = Query(url, "user") ?? url.User;
        var builder = new NpgsqlConnectionStringBuilder
        {
            ApplicationName = "projection-replay",
            Host = hosts.Names,
            Port = hosts.Port,
            Username = user,
            Password = Query(url, "password") ?? url.Password,
            Database = Query(url, "dbname") ?? (url.Path.Length > 0 ? url.Path : user),
            Timeout = ConnectTimeout(url, source),
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

            // May name the search path, or the server behind a proxy.
            Options = Query(url, "options") is { Length: > 0 } options ? options : null,
        };
        SetEncryption(builder, url, source);
        if (Query(url, "target_session_attrs") is { } target && target is not ("any" or "read-write" or "primary"))
        {
            throw ServerUrl.Invalid(source.Source, "has a target_session_attrs other than any, read-write and primary: a replay writes");
        }

        var isElsewhere = Query(url, "host") is not null || Query(url, "port") is not null;
        return (builder.ConnectionString, isElsewhere ? $"{url.Redacted} at {hosts}" : url.Redacted);
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

    /// <summary>Seconds. Without end is for programs that nobody waits for: here it is as long as the client can count.</summary>
    private static int ConnectTimeout(ServerUrl url, ConnectionUrl source)
    {
        const int Most = 1_024;
        if (Query(url, "connect_timeout") is not { } text) return 10;
        return !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? throw ServerUrl.Invalid(source.Source, "has a connect_timeout that is no number of seconds")
            : seconds is 0 or > Most ? Most : seconds;
    }

    private static void SetEncryption(NpgsqlConnectionStringBuilder builder, ServerUrl url, ConnectionUrl source)
    {
        const string OfThisMachine = "system";
        var certificate = Query(url, "sslrootcert");
        var mode = Query(url, "sslmode");
        if (mode is not null) builder.SslMode = ParseSslMode(mode, source.Source);
        else if (certificate == OfThisMachine) builder.SslMode = SslMode.VerifyFull;
        if (certificate is null or OfThisMachine) return;
        try
        {
            // Read now: the client would say no more than that it could not connect.
            using var file = File.OpenRead(certificate);
        }
        catch (Exception exception) when (IsOfFile(exception))
        {
            throw UnreadableCertificate(source, exception);
        }

        builder.RootCertificate = certificate;

        // As libpq has it: who names an authority wants the certificate to be of it.
        if (builder.SslMode == SslMode.Require) builder.SslMode = SslMode.VerifyCA;
    }

    private static bool IsOfFile(Exception exception) => exception
        is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException;

    private static ReplayException UnreadableCertificate(ConnectionUrl source, Exception exception) =>
        ServerUrl.Invalid(source.Source, $"names an sslrootcert that cannot be read ({exception.Message.TrimEnd('.')})");

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

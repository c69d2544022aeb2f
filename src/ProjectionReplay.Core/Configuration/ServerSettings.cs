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

    /// <summary><c>redis(s)://user:pass@host:port/n</c></summary>
    public static (ConfigurationOptions Options, string Redacted) Redis(ConnectionUrl source)
    {
        var url = ServerUrl.Parse(source.Value, source.Source, "redis", "rediss");
        var database = 0;
        if (url.Path.Length > 0 && !int.TryParse(url.Path, NumberStyles.None, CultureInfo.InvariantCulture, out database))
        {
            throw ServerUrl.Invalid(source.Source, "has a path that is not a database number");
        }

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
        return (options, url.Redacted);
    }

    /// <summary><c>postgres(ql)://user:pass@host:port/database?sslmode=...&amp;schema=...</c></summary>
    /// <remarks>
    /// Understands the parameters of libpq and Prisma that matter to one short-lived client, and ignores the rest
    /// (<c>connection_limit</c>, <c>pool_timeout</c>, <c>pgbouncer</c> and the like), as the same URL serves others.
    /// </remarks>
    public static (string ConnectionString, string Redacted) Postgres(ConnectionUrl source)
    {
        var url = ServerUrl.Parse(source.Value, source.Source, "postgres", "postgresql");
        var builder = new NpgsqlConnectionStringBuilder
        {
            ApplicationName = "projection-replay",
            Host = url.Host,
            Port = url.Port ?? 5432,
            Username = url.User,
            Password = url.Password,
            Database = url.Path.Length > 0 ? url.Path : url.User,
            Timeout = 10,
            CommandTimeout = 300,
            IncludeErrorDetail = false,
            // Short-lived: a pool would only hold connections open behind the operator's back.
            MaxPoolSize = 4,
            SearchPath = url.Query.LastOrDefault(pair => pair.Key is "schema").Value,
        };
        foreach (var (name, value) in url.Query)
        {
            if (name is "sslmode") builder.SslMode = ParseSslMode(value, source.Source);
            if (name is "sslrootcert") builder.RootCertificate = value;
        }

        return (builder.ConnectionString, url.Redacted);
    }

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

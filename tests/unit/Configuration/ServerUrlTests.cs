using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.Replay;

namespace ProjectionReplay.Configuration;

public sealed class ServerUrlTests
{
    [Theory]
    [InlineData("http://h/db", "h", 8123, "db", "default", "")]
    [InlineData("https://h", "h", 8443, "langwatch", "default", "")]
    [InlineData("http://default:@h:18123/db", "h", 18123, "db", "default", "")]
    [InlineData("https://us%40er:p%2Fw%3A%23@ch.example.com:9443/my%20db", "ch.example.com", 9443, "my db", "us@er", "p/w:#")]
    [InlineData("http://u:p@ss:w@h:1/db", "h", 1, "db", "u", "p@ss:w")]
    [InlineData("http://u:%25%2B+%20@h/db/", "h", 8123, "db", "u", "%++ ")]
    [InlineData("  http://u:p@[::1]:8123/db \n", "[::1]", 8123, "db", "u", "p")]
    public void ClickHouse_urls_are_taken_apart(string url, string host, int port, string database, string user, string password)
    {
        var settings = ClickHouse(url);

        Assert.Equal(
            (host, port, database, user, password),
            (settings.Host, (int)settings.Port, settings.Database, settings.Username, settings.Password));
    }

    [Fact]
    public void ClickHouse_settings_may_stand_in_the_url()
    {
        Assert.Equal("7", ClickHouse("http://h/db?clickhouse_setting_max_threads=7").CustomSettings["max_threads"]);
    }

    [Theory]
    [InlineData("redis://h", "h:6379", 0, null, null, false)]
    [InlineData("redis://:p%40ss@h:6380/3", "h:6380", 3, null, "p@ss", false)]
    [InlineData("rediss://u:p@h", "h:6379", 0, "u", "p", true)]
    [InlineData("redis://h:1?family=6", "h:1", 0, null, null, false)]
    public void Redis_urls_are_taken_apart(string url, string endPoint, int database, string? user, string? password, bool isSecure)
    {
        var options = ServerSettings.Redis(new ConnectionUrl(url, "test")).Options;

        Assert.Equal(endPoint, Assert.Single(options.EndPoints).ToString()!.Replace("Unspecified/", "", StringComparison.Ordinal));
        Assert.Equal((database, user, password, isSecure), (options.DefaultDatabase, options.User, options.Password, options.Ssl));
    }

    [Theory]
    [InlineData("postgres://u:p%40@h/db", "h", 5432, "db", "u", "p@", null, SslMode.Prefer)]
    [InlineData(
        "postgresql://u:p@h:6543/db?sslmode=require&schema=billing&connection_limit=5",
        "h",
        6543,
        "db",
        "u",
        "p",
        "billing",
        SslMode.Require)]
    [InlineData("postgresql://u:semi;colon='x'@h/db?sslmode=disable", "h", 5432, "db", "u", "semi;colon='x'", null, SslMode.Disable)]
    public void Postgres_urls_are_taken_apart(
        string url, string host, int port, string database, string user, string password, string? schema, SslMode sslMode)
    {
        var read = new NpgsqlConnectionStringBuilder(ServerSettings.Postgres(new ConnectionUrl(url, "test")).ConnectionString);

        Assert.Equal((host, port, database, user, password, schema, sslMode),
            (read.Host, read.Port, read.Database, read.Username, read.Password, read.SearchPath, read.SslMode));
    }

    /// <summary>As libpq, poolers and Prisma have them.</summary>
    [Theory]
    [InlineData("postgresql://u:p@h/db?schema=public&pgbouncer=true", "h", 5432, null, true)]
    [InlineData("postgresql://u:p@h/db?schema=a&pgbouncer=false", "h", 5432, "a", false)]
    [InlineData("postgresql:///db?host=/run/postgresql&user=u&password=p", "/run/postgresql", 5432, null, false)]
    [InlineData("postgresql://u:p@ignored:1/other?host=h&port=6000&dbname=db", "h", 6000, null, false)]
    [InlineData("postgresql://u:p@h1:5433,h2:5434/db?target_session_attrs=read-write", "h1:5433,h2:5434", 5432, null, false)]
    [InlineData("postgresql://u:p@h/db?connect_timeout=3&options=-c%20x&channel_binding=prefer", "h", 5432, null, false)]
    public void Postgres_urls_of_other_clients_mean_the_same_here(string url, string host, int port, string? searchPath, bool isPooled)
    {
        var (text, redacted) = ServerSettings.Postgres(new ConnectionUrl(url, "test"));

        var read = new NpgsqlConnectionStringBuilder(text);
        Assert.Equal((host, port, "db", "u", "p"), (read.Host, read.Port, read.Database, read.Username, read.Password));
        Assert.Equal((searchPath, isPooled, "UTC"), (read.SearchPath, read.NoResetOnClose, read.Timezone));
        Assert.DoesNotContain(":p@", redacted, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgresql://u:p@h/db?target_session_attrs=standby", "a replay writes")]
    [InlineData("postgresql://u:p@h/db?port=secret", "a port that is no number")]
    [InlineData("postgresql://u:p@/db", "has no host")]
    public void A_postgres_url_that_makes_no_sense_is_refused(string url, string problem)
    {
        var error = Assert.Throws<ReplayException>(() => ServerSettings.Postgres(new ConnectionUrl(url, "DATABASE_URL")));

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://h")]
    [InlineData("http://<host>:8123")]
    [InlineData("http://my host:8123")]
    [InlineData("http://h1,h2/db")]
    [InlineData("h:8123")]
    [InlineData("")]
    [InlineData("http://")]
    [InlineData("http://u:p@")]
    [InlineData("http://h:0")]
    [InlineData("http://h:99999")]
    [InlineData("http://h:secret")]
    [InlineData("http://u:sec/ret@h/db")]
    [InlineData("http://u:secret@[::1/db")]
    [InlineData("http://h/db?password=secret")]
    public void A_url_that_makes_no_sense_is_refused_without_being_quoted(string url)
    {
        var error = Assert.Throws<ReplayException>(() => ClickHouse(url));

        Assert.Equal(ReplayError.ConnectionUrlInvalid, error.Error);
        Assert.Contains("CLICKHOUSE_URL", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("ret@", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_redis_path_that_is_no_number_is_refused()
    {
        Assert.Throws<ReplayException>(() => ServerSettings.Redis(new ConnectionUrl("redis://h/db", "REDIS_URL")));
    }

    [Theory]
    [InlineData("http://u:secret@h:8123/db?x=secret", "http://u:***@h:8123/db")]
    [InlineData("redis://:secret@h", "redis://:***@h")]
    [InlineData("https://h/db", "https://h/db")]
    [InlineData("http://u@[::1]:1", "http://u@[::1]:1")]
    public void A_redacted_url_shows_all_but_the_secrets(string url, string redacted)
    {
        Assert.Equal(redacted, ServerUrl.Parse(url, "test", "http", "https", "redis").Redacted);
    }

    private static ClickHouseClientSettings ClickHouse(string url) =>
        ServerSettings.ClickHouse(new ConnectionUrl(url, "CLICKHOUSE_URL")).Settings;
}

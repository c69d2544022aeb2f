using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;

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
    [InlineData("redis://h?db=3", "h:6379", 3, null, null, false)]
    [InlineData("redis://h/2?db=3", "h:6379", 2, null, null, false)]
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
    [InlineData("postgresql://u:p@h1,h2/db?port=5433,5434", "h1:5433,h2:5434", 5432, null, false)]
    [InlineData("postgresql://u:p@h1:1,h2:2/db?port=5433", "h1:5433,h2:5433", 5432, null, false)]
    [InlineData("postgresql://u:p@h1:5433,h2/db", "h1:5433,h2:5432", 5432, null, false)]
    [InlineData("postgresql://u:p@h1,h2/db?port=,5434", "h1:5432,h2:5434", 5432, null, false)]
    [InlineData("postgresql:///db?host=h1,h2&port=5433,5434&user=u&password=p", "h1:5433,h2:5434", 5432, null, false)]
    [InlineData("postgresql://u:p@x:7/db?host=h", "h", 7, null, false)]
    [InlineData("postgres://u:p@%2Fvar%2Frun%2Fpostgresql:5433/db", "/var/run/postgresql", 5433, null, false)]
    [InlineData("postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db", "/var/run/postgresql", 5432, null, false)]
    [InlineData("postgres://u:p@%2Frun%2Fpg:5433,h2/db", "/run/pg:5433,h2:5432", 5432, null, false)]
    [InlineData("postgres:///db?host=%2Frun%2Fpg&port=5433&user=u&password=p", "/run/pg", 5433, null, false)]
    [InlineData("postgres://u:p@[::1]:5433/db", "::1", 5433, null, false)]
    [InlineData("postgres://u:p@[fe80::1%25eth0]/db", "fe80::1%eth0", 5432, null, false)]
    [InlineData("postgres://u:p@[::1]:5433,[::2]/db", "[::1]:5433,[::2]:5432", 5432, null, false)]
    [InlineData("postgres:///db?host=::1,[::2]&port=5433&user=u&password=p", "[::1]:5433,[::2]:5433", 5432, null, false)]
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
    [InlineData("postgresql://u:p@h1,,h2/db", "has no host")]
    [InlineData("postgresql://u:p@h1,h2/db?port=1,2,3", "names 2 hosts and 3 ports: give one port for all, or one for each host")]
    [InlineData("postgresql://u:p@h/db?port=1,2", "names 1 hosts and 2 ports")]
    [InlineData("postgresql://u:p@h1,h2:secret/db", "a port that is no number")]
    [InlineData("postgresql://u:p@h1,<host>/db", "characters that no name of a host has")]
    [InlineData("postgresql://u:p@h/db?host=a%20b", "characters that no name of a host has")]
    [InlineData("postgresql://u:p@h/db?host=run/postgresql", "characters that no name of a host has")]
    [InlineData("postgresql://u:p@%2Frun%2Fa%3Ab,h2/db", "a socket's folder with a ',' or ':' in its name")]
    [InlineData("postgresql://u:p@h/db?hostaddr=10.0.0.1", "the parameter hostaddr")]
    [InlineData("postgresql:///db?host=h&service=secret", "the parameter service")]
    [InlineData("postgresql://u:p@h/db?connect_timeout=secret", "a connect_timeout that is no number")]
    [InlineData("postgresql://u:p@h/db?sslmode=on", "an sslmode that is none of")]
    [InlineData("postgresql://u:p@h/db?sslrootcert=/no/such/file", "an sslrootcert that cannot be read")]
    [InlineData("postgresql://u:p@h/db?sslrootcert=", "an sslrootcert that cannot be read")]
    public void A_postgres_url_that_makes_no_sense_is_refused(string url, string problem)
    {
        var error = Assert.Throws<ReplayException>(() => ServerSettings.Postgres(new ConnectionUrl(url, "DATABASE_URL")));

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://u:secret@ss/tail@host:8123/db")]
    [InlineData("http://u:secret@s?tail=x@host:8123/db")]
    [InlineData("http://u:secret@s#tail@host:8123/db")]
    public void A_password_that_looks_like_a_host_is_refused_and_not_told(string url)
    {
        var error = Assert.Throws<ReplayException>(() => ServerUrl.Parse(url, "CLICKHOUSE_URL", "http"));

        Assert.Contains("an unescaped '@'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("tail", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Postgres_options_and_encryption_mean_what_they_mean_to_libpq()
    {
        var file = Path.GetTempFileName();
        try
        {
            var authority = Uri.EscapeDataString(file);

            Assert.Equal("-c search_path=a", Postgres("postgresql://u@h/db?options=-c%20search_path%3Da").Options);
            Assert.Equal((3, 1_024, 1_024), (
                Postgres("postgresql://u@h/db?connect_timeout=3").Timeout,
                Postgres("postgresql://u@h/db?connect_timeout=0").Timeout,
                Postgres("postgresql://u@h/db?connect_timeout=5000").Timeout));
            Assert.Equal(SslMode.VerifyFull, Postgres("postgresql://u@h/db?sslrootcert=system").SslMode);
            Assert.Equal(SslMode.VerifyCA, Postgres($"postgresql://u@h/db?sslmode=require&sslrootcert={authority}").SslMode);
            Assert.Equal(SslMode.VerifyFull, Postgres($"postgresql://u@h/db?sslmode=verify-full&sslrootcert={authority}").SslMode);
            Assert.Equal(file, Postgres($"postgresql://u@h/db?sslrootcert={authority}").RootCertificate);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("postgres://u:secret@%2Frun%2Fpg:5433/db", "postgres://u:***@%2Frun%2Fpg:5433/db")]
    [InlineData("postgres://u:secret@h1:1,[::1]:2/db?x=secret", "postgres://u:***@h1:1,[::1]:2/db")]
    [InlineData("postgres:///db?host=/run/pg&password=secret", "postgres:///db at /run/pg:5432")]
    [InlineData("postgres://u:secret@h1,h2/db?port=1,2", "postgres://u:***@h1,h2/db at h1:1,h2:2")]
    public void A_redacted_postgres_url_names_the_servers_that_are_meant(string url, string redacted)
    {
        Assert.Equal(redacted, ServerSettings.Postgres(new ConnectionUrl(url, "test")).Redacted);
    }

    /// <summary>Nothing but the named error comes of a URL, whatever is in it; the clients take what is let through.</summary>
    [Fact]
    public async Task Odd_urls_are_taken_or_refused_and_never_a_fault_of_this_tool()
    {
        string[] logins = ["", "u@", ":p@", "u:p@", "u:%00@", "%zz:%@", "ü:ö@", "u;x=y:'\"=;@"];
        string[] hosts =
            ["", "h", "h:1", "h:", "h:x", "<host>:8123", "my host", "[::1]", "[::1", "::1", "h1,h2", "%2Frun:1", "%", "@abs", "h\t"];
        string[] paths = ["", "/", "/db", "/99", "/-1", "/a/b", "/%00", "/;=", "/db?x", "/0?=&", "/0?host=,&port=,", "/0?host=@"];
        string[] more = ["", "sslrootcert=%00", "clickhouse_setting_=", "options=;", "connect_timeout=-1", "schema=\"", "db=x", "sslmode="];
        foreach (var scheme in (string[])["http", "https", "redis", "rediss", "postgres"])
        {
            foreach (var authority in logins.SelectMany(login => hosts.Select(host => login + host)))
            {
                foreach (var tail in paths.SelectMany(path => more.Select(query => path + (path.Contains('?') ? "&" : "?") + query)))
                {
                    await TakeOrRefuseAsync(new ConnectionUrl($"{scheme}://{authority}{tail}", "test"), scheme);
                }
            }
        }
    }

    private static async Task TakeOrRefuseAsync(ConnectionUrl url, string scheme)
    {
        try
        {
            if (scheme == "postgres")
            {
                await using var source = PostgresSource.Open(url);
            }
            else if (scheme.StartsWith("redis", StringComparison.Ordinal))
            {
                Assert.Single(ServerSettings.Redis(url).Options.EndPoints);
            }
            else
            {
                using var database = new ClickHouseDatabase(ServerSettings.ClickHouse(url).Settings);
            }
        }
        catch (Exception exception) when (exception is not ReplayException)
        {
            Assert.Fail($"{url.Value} should be taken or refused, but came to {exception}");
        }
        catch (ReplayException exception)
        {
            Assert.Equal(ReplayError.ConnectionUrlInvalid, exception.Error);
        }
    }

    [Theory]
    [InlineData("ftp://h")]
    [InlineData("clickhouse://h")]
    [InlineData("redis://h")]
    [InlineData("\"http://h\"")]
    [InlineData("http://h\n:8123")]
    [InlineData("http://u:%00@h")]
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

    [Theory]
    [InlineData("redis://h/db", "a path that is not a database number")]
    [InlineData("redis://h/-1", "a path that is not a database number")]
    [InlineData("redis://h?db=x", "a path that is not a database number")]
    [InlineData("redis://h?keyPrefix=live:", "a keyPrefix")]
    [InlineData("http://h", "must start with redis:// or rediss://")]
    [InlineData("rediss://h?sslrootcert=", "an sslrootcert that cannot be read")]
    [InlineData("rediss://h?sslrootcert=/", "an sslrootcert that cannot be read")]
    public void A_redis_url_that_makes_no_sense_is_refused(string url, string problem)
    {
        var error = Assert.Throws<ReplayException>(() => ServerSettings.Redis(new ConnectionUrl(url, "REDIS_URL")));

        Assert.Equal(ReplayError.ConnectionUrlInvalid, error.Error);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
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

    private static NpgsqlConnectionStringBuilder Postgres(string url) =>
        new(ServerSettings.Postgres(new ConnectionUrl(url, "DATABASE_URL")).ConnectionString);

    private static ClickHouseClientSettings ClickHouse(string url) =>
        ServerSettings.ClickHouse(new ConnectionUrl(url, "CLICKHOUSE_URL")).Settings;
}

using ProjectionReplay.Replay;

namespace ProjectionReplay.Configuration;

public sealed class ReplayConnectionsTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("replay-env-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void A_parameter_beats_the_environment_which_beats_the_file()
    {
        WriteDotEnv("CLICKHOUSE_URL=http://file\nREDIS_URL=redis://file\nDATABASE_URL=postgres://file");
        var connections = new ReplayConnections(
            _directory.FullName, Variables(("CLICKHOUSE_URL", "http://environment"), ("REDIS_URL", "redis://environment")))
        {
            ClickHouseUrl = "http://parameter",
        };

        Assert.Equal(
            ("http://parameter", "-ClickHouseUrl"), (connections.ResolveClickHouse().Value, connections.ResolveClickHouse().Source));
        Assert.Equal(("redis://environment", "REDIS_URL"), (connections.ResolveRedis().Value, connections.ResolveRedis().Source));
        Assert.Equal("postgres://file", connections.ResolveDatabase().Value);
        Assert.Contains(".env", connections.ResolveDatabase().Source, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("REDIS_URL=redis://u:p@h:1/2")]
    [InlineData("export REDIS_URL=redis://u:p@h:1/2")]
    [InlineData("REDIS_URL=\"redis://u:p@h:1/2\"")]
    [InlineData("REDIS_URL='redis://u:p@h:1/2'")]
    [InlineData("REDIS_URL = redis://u:p@h:1/2  ")]
    [InlineData("# a comment\n\nREDIS_URL=redis://u:p@h:1/2 # another")]
    [InlineData("\uFEFFREDIS_URL=redis://u:p@h:1/2\r\nX=1\r\n")]
    [InlineData("nonsense\nREDIS_URL=redis://u:p@h:1/2")]
    [InlineData("REDIS_URL=redis://early\nREDIS_URL=redis://u:p@h:1/2")]
    public void Dot_env_files_are_read_as_people_write_them(string text)
    {
        WriteDotEnv(text);

        Assert.Equal("redis://u:p@h:1/2", Connections().ResolveRedis().Value);
    }

    [Theory]
    [InlineData("redis://u:p$HOME${X}@h")]
    [InlineData("redis://u:p#1@h")]
    [InlineData("redis://u:a=b==@h")]
    [InlineData(@"redis://u:a\nb@h")]
    public void Passwords_in_dot_env_files_mean_what_they_say(string url)
    {
        WriteDotEnv("REDIS_URL=" + url);

        Assert.Equal(url, Connections().ResolveRedis().Value);
    }

    [Fact]
    public void Blank_values_are_as_good_as_none()
    {
        WriteDotEnv("REDIS_URL=redis://file");

        var connections = new ReplayConnections(_directory.FullName, Variables(("REDIS_URL", " "))) { RedisUrl = "" };

        Assert.Equal("redis://file", connections.ResolveRedis().Value);
    }

    [Fact]
    public void A_missing_url_names_the_parameter_the_variable_and_the_file()
    {
        var error = Assert.Throws<ReplayException>(() => Connections().ResolveDatabase());

        Assert.Equal(ReplayError.ConnectionUrlMissing, error.Error);
        Assert.Contains("-DatabaseUrl", error.Message, StringComparison.Ordinal);
        Assert.Contains("DATABASE_URL", error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(_directory.FullName, ".env"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_a_file_leaves_the_process_environment_alone()
    {
        WriteDotEnv("PROJECTION_REPLAY_TEST=leaked\nREDIS_URL=redis://h");

        Connections().ResolveRedis();

        Assert.Null(Environment.GetEnvironmentVariable("PROJECTION_REPLAY_TEST"));
    }

    private ReplayConnections Connections(params (string Name, string Value)[] variables) => new(_directory.FullName, Variables(variables));

    private static Func<string, string?> Variables(params (string Name, string Value)[] variables) =>
        name => variables.FirstOrDefault(variable => variable.Name == name).Value;

    [Theory]
    [InlineData("CLICKHOUSE_URL=http://h\nOTHER=\"secret\nREDIS_URL=redis://h", "line 2 (OTHER)")]
    [InlineData("A='x'\nREDIS_URL='redis://secret", "line 2 (REDIS_URL)")]
    public void An_open_quote_in_the_file_names_file_and_line(string text, string line)
    {
        WriteDotEnv(text);
        var connections = new ReplayConnections(_directory.FullName, _ => null);

        var error = Assert.Throws<ReplayException>(connections.ResolveRedis);

        Assert.Equal(ReplayError.ConnectionUrlInvalid, error.Error);
        Assert.Contains($"{Path.Combine(_directory.FullName, ".env")}' cannot be read: {line}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    private void WriteDotEnv(string text) => File.WriteAllText(Path.Combine(_directory.FullName, ".env"), text);
}

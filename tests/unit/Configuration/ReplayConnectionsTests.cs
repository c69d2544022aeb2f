using ProjectionReplay.Faults;

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

    /// <summary>Lines of other programs, each before and behind the one that is needed.</summary>
    [Theory]
    [InlineData("OTHER=\"secret")]
    [InlineData("OTHER='secret")]
    [InlineData("FOO=(")]
    [InlineData("FOO=`date`")]
    [InlineData("=x")]
    [InlineData("export PATH=\"$PATH:/x\"y\"")]
    [InlineData("set -a; . ./more")]
    [InlineData("if [ \"$X\" = 'y' ]; then")]
    [InlineData("KEY=-----BEGIN PRIVATE KEY-----\nMIIabc+/=\nQQ==\n-----END PRIVATE KEY-----")]
    [InlineData("KEY=\"-----BEGIN PRIVATE KEY-----\nMIIabc+/=\nREDIS=1\n-----END PRIVATE KEY-----\"")]
    [InlineData("KEY='{\n  \"a\": \"it is\",\n}' # JSON")]
    [InlineData("A=\"open\nB=\"closed\"\nC='open\nD=Tom's")]
    [InlineData("REDIS_URLS=redis://other\nOLD_REDIS_URL=redis://other\n#REDIS_URL=redis://other")]
    [InlineData("NOTE=\"before:\nREDIS_URL=redis://other\n\"")]
    [InlineData("BELL=\u0007\u0000\uFFFD")]
    [InlineData("unset REDIS_URL\nexport REDIS_URL\nREDIS_URL")]
    public void Lines_that_nobody_needs_do_no_harm(string foreign)
    {
        string[] texts =
        [
            $"{foreign}\nREDIS_URL=redis://h\n",
            $"REDIS_URL=redis://h\n{foreign}",
            $"{foreign}\r\nREDIS_URL=\"redis://h\"\r\n{foreign}",
        ];
        foreach (var text in texts)
        {
            WriteDotEnv(text);

            Assert.Equal("redis://h", Connections().ResolveRedis().Value);
        }
    }

    [Theory]
    [InlineData("A='x'\nREDIS_URL='redis://secret", "line 2 (REDIS_URL) has a quote that is not closed")]
    [InlineData("REDIS_URL=\"redis://secret\nB=\"x\"", "line 1 (REDIS_URL) has a quote that is not closed")]
    [InlineData("REDIS_URL=\"redis://secret\"/3", "line 1 (REDIS_URL) has text behind its quotes")]
    [InlineData("\n\nREDIS_URL: redis://secret", "line 3 (REDIS_URL) has no '='")]
    [InlineData("export REDIS_URL redis://secret", "line 1 (REDIS_URL) has no '='")]
    [InlineData("REDIS_URL=redis://secret\u0001@h", "line 1 (REDIS_URL) has bytes that are no text")]
    [InlineData("REDIS_URL=redis://secret\uFFFD@h", "line 1 (REDIS_URL) has bytes that are no text")]
    [InlineData("X='\nREDIS_URL=redis://secret\n'", "line 2 (REDIS_URL) stands inside the quoted text that begins on line 1")]
    public void An_error_in_a_line_that_is_needed_names_file_and_line(string text, string problem)
    {
        WriteDotEnv(text);

        var error = Assert.Throws<ReplayException>(Connections().ResolveRedis);

        Assert.Equal(ReplayError.ConnectionUrlInvalid, error.Error);
        Assert.Contains($"{DotEnv}' cannot be read: {problem}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_in_the_url_itself_names_file_and_line_too()
    {
        WriteDotEnv("A=1\nREDIS_URL=http://h");

        var error = Assert.Throws<ReplayException>(() => ServerSettings.Redis(Connections().ResolveRedis()));

        Assert.Contains($"in REDIS_URL of {DotEnv} (line 2) must start with redis://", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_told_of_when_it_is_needed()
    {
        WriteDotEnv("REDIS_URL=redis://h");
        using var locked = new FileStream(DotEnv, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        ShouldBeUnreadable();
    }

    [Fact]
    public void So_is_one_that_the_user_may_not_read_where_that_is_not_root()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "Whoever runs this may read everything.");
        WriteDotEnv("REDIS_URL=redis://h");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(DotEnv, UnixFileMode.None);

        ShouldBeUnreadable();
    }

    [Fact]
    public void A_folder_of_that_name_is_no_file()
    {
        Directory.CreateDirectory(DotEnv);

        var error = Assert.Throws<ReplayException>(Connections().ResolveRedis);

        Assert.Equal(ReplayError.ConnectionUrlMissing, error.Error);
        Assert.Contains($"'{DotEnv}' (that is a folder, not a file)", error.Message, StringComparison.Ordinal);
        Assert.NotNull(new ModelPriceSettings(_directory.FullName, _ => null).Read());
    }

    private void ShouldBeUnreadable()
    {
        var error = Assert.Throws<ReplayException>(Connections().ResolveRedis);
        var prices = Assert.Throws<ReplayException>(new ModelPriceSettings(_directory.FullName, _ => null).Read);

        Assert.Equal((ReplayError.ConnectionUrlInvalid, ReplayError.ModelPricesInvalid), (error.Error, prices.Error));
        Assert.Contains($"The file '{DotEnv}' cannot be read: ", error.Message, StringComparison.Ordinal);
        var given = new ReplayConnections(_directory.FullName, _ => null) { RedisUrl = "redis://given" };
        Assert.Equal("redis://given", given.ResolveRedis().Value);
        Assert.Equal("redis://set", Connections(("REDIS_URL", "redis://set")).ResolveRedis().Value);
    }

    private string DotEnv => Path.Combine(_directory.FullName, ".env");

    private void WriteDotEnv(string text) => File.WriteAllText(Path.Combine(_directory.FullName, ".env"), text);
}

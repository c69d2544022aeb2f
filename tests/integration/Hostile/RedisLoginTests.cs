using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>A login that the server refuses is no login, also where the server would do without one.</summary>
public sealed class RedisLoginTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Secret = "hunter2-wrong";

    [Theory]
    [InlineData("", Secret)]
    [InlineData("operator", Secret)]
    [InlineData("nobody", Secret)]
    public async Task A_password_that_is_not_right_is_refused_by_a_server_that_needs_none(string user, string password)
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("ACL", "SETUSER", "operator", "on", ">right", "~*", "&*", "+@all");

        var outcome = await RunAsync(redis, user, password);

        var message = outcome.ShouldFailWith(ReplayError.RedisUnavailable).Exception!.Message;
        Assert.Contains("REDIS_URL", message, StringComparison.Ordinal);
        Assert.DoesNotContain(password, outcome.Exception!.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Verbose, text => text.Contains(password, StringComparison.Ordinal));
        var databases = (await redis.ExecuteAsync("INFO", "keyspace")).ToString();
        Assert.DoesNotContain("db0", databases, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("operator", "right")]
    [InlineData("default", "any")]
    [InlineData("", "")]
    public async Task A_login_that_the_server_takes_is_good(string user, string password)
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("ACL", "SETUSER", "operator", "on", ">right", "~*", "&*", "+@all");

        (await RunAsync(redis, user, password)).ShouldSucceed();
    }

    [Fact]
    public async Task The_password_of_a_server_with_one_for_all_is_good()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("CONFIG", "SET", "requirepass", "right");

        (await RunAsync(redis, "", "right")).ShouldSucceed();
        (await RunAsync(redis, "", Secret)).ShouldFailWith(ReplayError.RedisUnavailable);
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_command_is_taken_as_it_is()
    {
        await using var redis = await RealRedis.StartAsync(arguments: ["--rename-command", "AUTH", ""]);

        (await RunAsync(redis, "", Secret)).ShouldSucceed();
    }

    [Fact]
    public async Task The_sandbox_refuses_a_password_too()
    {
        var outcome = await ReplayOutcome.RunAsync(
            servers,
            new EvaluationStateProjection(),
            new TestTenant(servers),
            connections: With(servers.RedisUrl.Replace("redis://", $"redis://:{Secret}@", StringComparison.Ordinal)));

        outcome.ShouldFailWith(ReplayError.RedisUnavailable);
    }

    private async Task<ReplayOutcome> RunAsync(RealRedis redis, string user, string password)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var login = password.Length > 0 ? $"{user}:{password}@" : "";
        return await ReplayOutcome.RunAsync(
            servers,
            new EvaluationStateProjection(),
            tenant,
            connections: With(string.Create(CultureInfo.InvariantCulture, $"redis://{login}127.0.0.1:{redis.Port}")));
    }

    private ReplayConnections With(string redis) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = servers.ClickHouseUrl,
        RedisUrl = redis,
        DatabaseUrl = servers.DatabaseUrl,
    };
}

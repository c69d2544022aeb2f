using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Real logins with names and passwords that a URL has to encode, and databases that a query has to quote.</summary>
public sealed class HostileConnectionTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Ugly = """p@ss:w/or?d#1%20%+&=;'"\`$HOME{x} äß€😀""";

    [Fact]
    public async Task A_Postgres_role_with_an_ugly_name_and_password_logs_in()
    {
        var role = $"o'Brien \"@/:? {Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE ROLE {Sql.Quote(role)} LOGIN SUPERUSER PASSWORD '{Ugly.Replace("'", "''", StringComparison.Ordinal)}'");
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        try
        {
            var address = servers.DatabaseUrl[(servers.DatabaseUrl.LastIndexOf('@') + 1)..];
            var url = $"postgresql://{Uri.EscapeDataString(role)}:{Uri.EscapeDataString(Ugly)}@{address}";

            (await ReplayOutcome.RunAsync(
                servers, TenantDailyBillableEventsProjection.ForTenants(), tenant, connections: With(database: url))).ShouldSucceed();

            Assert.Equal(2, (await tenant.BillableEventsAsync())["2026-01-10"]);
            await ShouldRefuseAnotherPasswordAsync(url, tenant);
        }
        finally
        {
            // The first to use the counters makes the ledger, and owns it.
            await ExecuteAsync($"REASSIGN OWNED BY {Sql.Quote(role)} TO CURRENT_USER");
            await ExecuteAsync($"DROP ROLE {Sql.Quote(role)}");
        }
    }

    [Fact]
    public async Task A_Redis_account_with_an_ugly_password_logs_in()
    {
        await using var redis = await RealRedis.StartAsync();
        await redis.ExecuteAsync("ACL", "SETUSER", "o'brien@:/", "on", ">" + Ugly, "~*", "&*", "+@all");
        await redis.ExecuteAsync("ACL", "SETUSER", "default", "off");
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        string Url(string password) => string.Create(
            CultureInfo.InvariantCulture,
            $"redis://{Uri.EscapeDataString("o'brien@:/")}:{Uri.EscapeDataString(password)}@127.0.0.1:{redis.Port}/3");

        (await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant, connections: With(redis: Url(Ugly))))
            .ShouldSucceed();
        var refused = await ReplayOutcome.RunAsync(
            servers, new EvaluationStateProjection(), tenant, connections: With(redis: Url(Ugly + "x")));

        Assert.Equal(2, (await tenant.EvaluationsAsync()).Count);
        refused.ShouldFailWith(ReplayError.RedisUnavailable);
        Assert.DoesNotContain("w/or", refused.Exception!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ReplayPhase.Mark)]
    [InlineData(ReplayPhase.Unmark)]
    public async Task A_Redis_that_becomes_a_replica_for_a_moment_is_waited_for(ReplayPhase phase)
    {
        await using var redis = await RealRedis.StartAsync();
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var promotion = Task.CompletedTask;
        var options = new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, phase, IsBefore: true)) return;
                await redis.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");
                promotion = PromoteAsync();
            },
        };

        var outcome = await ReplayOutcome.RunAsync(
            servers,
            new EvaluationStateProjection(),
            tenant,
            options,
            connections: With(redis: string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{redis.Port}")));

        await promotion;
        outcome.ShouldSucceed();
        Assert.Contains(outcome.Verbose, text => text.Contains("Trying again in", StringComparison.Ordinal));
        Assert.Equal(2, (await tenant.EvaluationsAsync()).Count);

        async Task PromoteAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            await redis.ExecuteAsync("REPLICAOF", "NO", "ONE");
        }
    }

    [Theory]
    [InlineData("it's `quoted` \"twice\"")]
    [InlineData(@"back\slash")]
    [InlineData("per%cent a&b=c#d?e+f")]
    [InlineData("ünïcödé 😀")]
    [InlineData("{x:String}")]
    public async Task A_ClickHouse_database_whose_name_needs_quoting_is_replayed(string name)
    {
        await using var database = await OwnDatabase.CreateAsync(servers, name);
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        await database.CopyAsync(tenant);

        (await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant, connections: database.Connections)).ShouldSucceed();

        Assert.Equal(2, (await servers.QueryAsync($"SELECT EvaluationId FROM {database.Table("evaluation_states")}")).Count);
        Assert.Empty(await tenant.EvaluationsAsync());
    }

    private async Task ShouldRefuseAnotherPasswordAsync(string url, TestTenant tenant)
    {
        var isTrusted = (await ReplayOutcome.RunAsync(
            servers,
            TenantDailyBillableEventsProjection.ForTenants(),
            tenant,
            connections: With(database: url.Replace("p%40ss", "pass", StringComparison.Ordinal)))) is { Exception: null };
        Assert.SkipWhen(isTrusted, "This Postgres trusts local logins, so that no password is tried.");
    }

    private ReplayConnections With(string? redis = null, string? database = null) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = servers.ClickHouseUrl,
        RedisUrl = redis ?? servers.RedisUrl,
        DatabaseUrl = database ?? servers.DatabaseUrl,
    };

    private async Task ExecuteAsync(string sql)
    {
        await using var command = servers.Postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}

using ProjectionReplay.Comparison;
using ProjectionReplay.Configuration;
using ProjectionReplay.Diagnosis;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Postgres as applications have it: behind a pooler, and in another time zone.</summary>
public sealed class PoolerTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Theory]
    [InlineData("?schema=public&pgbouncer=true&connection_limit=1")]
    [InlineData("?pgbouncer=true")]
    [InlineData("")]
    public async Task Counters_are_replayed_rebuilt_compared_and_checked_through_a_pooler(string query)
    {
        await using var pooler = await RealPooler.StartAsync(servers.DatabaseUrl, query);
        var connections = Through(pooler.Url);
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        var options = new ReplayOptions { AggregateBatchSize = 4 };

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, options, connections: connections)).ShouldSucceed();
        (await ReplayOutcome.RunAsync(
            servers, BillableEvents, tenant, options, connections: connections, isRebuild: true)).ShouldSucceed();
        var compared = await ComparisonOutcome.RunAsync(servers, BillableEvents, tenant, connections: connections);
        var checks = await DiagnosisOutcome.RunAsync(connections, tenant.Id, BillableEvents);

        Assert.Equal(20, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Empty(compared.Differences);
        Assert.Null(compared.Exception);
        Assert.DoesNotContain(checks.Checks, check => check.Result == "Failed");
        checks.ShouldBe(query.Contains("pgbouncer", StringComparison.Ordinal) ? "Passed" : "Warning", "Postgres", "Pooler");
    }

    [Fact]
    public async Task Times_are_of_UTC_whatever_the_time_zone_of_the_database()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var user = ServerUrl.Parse(servers.DatabaseUrl, "test", "postgres", "postgresql").User;
        await ExecuteAsync($"ALTER ROLE \"{user}\" IN DATABASE {Database} SET timezone = 'America/New_York'");
        try
        {
            (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        }
        finally
        {
            await ExecuteAsync($"ALTER ROLE \"{user}\" IN DATABASE {Database} RESET timezone");
        }

        await using var command = servers.Postgres.CreateCommand(
            """
            SELECT "updatedAt"::timestamp::text, pg_typeof("updatedAt")::text FROM "TenantDailyBillableEvents" WHERE "tenantId" = $1
            """);
        command.Parameters.AddWithValue(tenant.Id);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        Assert.True(await reader.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal("timestamp without time zone", reader.GetString(1));
        var updated = DateTime.Parse(reader.GetString(0), null, System.Globalization.DateTimeStyles.AssumeUniversal);
        Assert.InRange(DateTime.UtcNow - updated.ToUniversalTime(), TimeSpan.FromMinutes(-5), TimeSpan.FromMinutes(5));
    }

    private string Database => ServerUrl.Parse(servers.DatabaseUrl, "test", "postgres", "postgresql").Path;

    private async Task ExecuteAsync(string sql)
    {
        await using var command = servers.Postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private ReplayConnections Through(string databaseUrl) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = servers.ClickHouseUrl,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = databaseUrl,
    };
}

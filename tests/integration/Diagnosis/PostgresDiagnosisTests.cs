using ProjectionReplay.Configuration;
using ProjectionReplay.Hostile;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Diagnosis;

/// <summary>Poolers before a Postgres, and time zones of its sessions.</summary>
public sealed class PostgresDiagnosisTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Theory]
    [InlineData("", "Warning", "does not say so")]
    [InlineData("?pgbouncer=false", "Warning", "does not say so")]
    [InlineData("?pgbouncer=true", "Passed", "as the URL says")]
    public async Task A_pooler_is_noticed(string query, string result, string detail)
    {
        await using var pooler = await RealPooler.StartAsync(servers.DatabaseUrl, query);

        var found = (await DiagnoseAsync(pooler.Url)).ShouldBe(result, "Postgres", "Pooler");

        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pooler_that_is_not_there_does_no_harm()
    {
        var found = (await DiagnoseAsync(servers.DatabaseUrl + "?pgbouncer=true")).ShouldBe("Passed", "Postgres", "Pooler");

        Assert.Contains("does no harm", found.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("timestamp", "America/New_York", "Warning")]
    [InlineData("timestamp(3)", "Europe/London", "Warning")]
    [InlineData("date", "America/New_York", "Warning")]
    [InlineData("{schema}.moment", "America/New_York", "Warning")]
    [InlineData("timestamptz", "America/New_York", "Passed")]
    [InlineData("timestamp", "Etc/UTC", "Passed")]
    public async Task Times_of_another_zone_are_warned_of(string type, string zone, string result)
    {
        await using var account = await PostgresAccount.CreateAsync(servers);
        await account.ExecuteAsync($"CREATE DOMAIN {account.Name}.moment AS timestamp");
        await account.ExecuteAsync(
            $"CREATE TABLE {account.Name}.\"TenantDailyBillableEvents\" (id text PRIMARY KEY, \"tenantId\" text, date text, "
                + $"count integer, \"lastEventTimestamp\" bigint, \"updatedAt\" {type.Replace("{schema}", account.Name)}, made timestamp)");
        await account.ExecuteAsync($"GRANT ALL ON {account.Name}.\"TenantDailyBillableEvents\" TO {account.Name}");
        await account.ExecuteAsync($"ALTER ROLE {account.Name} SET timezone = '{zone}'");

        var found = (await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents))
            .ShouldBe(result, "Postgres", "TimeZone", "TenantDailyBillableEvents");

        Assert.Contains("sessions of a replay are in UTC", found.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("'made'", found.Detail, StringComparison.Ordinal);
        if (result == "Passed") return;
        Assert.Contains("('updatedAt') are of the session that writes them", found.Detail, StringComparison.Ordinal);
        Assert.Contains($"others begin in {zone}", found.Detail, StringComparison.Ordinal);
    }

    private Task<DiagnosisOutcome> DiagnoseAsync(string databaseUrl) => DiagnosisOutcome.RunAsync(
        new ReplayConnections(directory: null, environment: _ => null)
        {
            ClickHouseUrl = servers.ClickHouseUrl,
            RedisUrl = servers.RedisUrl,
            DatabaseUrl = databaseUrl,
        },
        null,
        BillableEvents);
}

using System.Globalization;
using Npgsql;

namespace ProjectionReplay.Sandbox.Demo;

/// <summary>Shows a few of the rows that the replays stored.</summary>
internal sealed class DemoTables(SandboxHost host)
{
    public async Task ShowAsync(string tenant, CancellationToken cancellationToken)
    {
        Console.WriteLine("\nStored in ClickHouse, evaluation_states:");
        Console.WriteLine(await EvaluationsAsync(tenant, cancellationToken));
        Console.WriteLine("""Stored in PostgreSQL, "TenantDailyBillableEvents":""");
        await ShowCountersAsync(tenant, cancellationToken);
    }

    private async Task<string> EvaluationsAsync(string tenant, CancellationToken cancellationToken)
    {
        // Not more columns than a terminal of 80 has room for: the ids alone take 40.
        const string Sql = """
            SELECT EvaluationId, Status, round(Score, 3) AS Score, dateDiff('millisecond', ScheduledAt, CompletedAt) / 1000 AS Seconds
            FROM evaluation_states FINAL
            WHERE TenantId = {tenant:String}
            ORDER BY ScheduledAt
            LIMIT 5
            SETTINGS output_format_pretty_row_numbers = 0
            FORMAT PrettyCompactMonoBlock
            """;

        var url = new Uri(host.ClickHouseUrl!);
        using var client = new HttpClient();
        using var query = new StringContent(Sql);
        using var response = await client.PostAsync(
            new Uri($"http://{url.Authority}/?database={SandboxSchema.Database}&param_tenant={Uri.EscapeDataString(tenant)}"),
            query,
            cancellationToken);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellationToken);
    }

    private async Task ShowCountersAsync(string tenant, CancellationToken cancellationToken)
    {
        var url = new Uri(host.DatabaseUrl!);
        var user = url.UserInfo.Split(':');
        await using var postgres = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user[1],
            Database = SandboxSchema.Database,
        });
        await using var command = postgres.CreateCommand(
            """SELECT date, count FROM "TenantDailyBillableEvents" WHERE "tenantId" = $1 ORDER BY date LIMIT 5""");
        command.Parameters.AddWithValue(tenant);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {reader.GetString(0)}  {reader.GetInt32(1),6:N0} events"));
        }
    }
}

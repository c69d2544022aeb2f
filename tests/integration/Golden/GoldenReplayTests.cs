using System.Text.Json;
using ProjectionReplay.Comparison;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Golden;

/// <summary>The golden events, replayed from end to end: what the tables hold afterwards is the golden tables.</summary>
public sealed class GoldenReplayTests(TestServers servers) : IClassFixture<TestServers>
{
    // The golden rows' Ids depend on these names, so that this class alone may use them.
    private static readonly string[] Tenants = ["project_Beta_02", "project_alpha7Kq", "project_zeta-9"];

    [Fact]
    public async Task Replayed_tables_equal_the_golden_tables_in_every_column()
    {
        await StartAfreshAsync();
        await servers.InsertAsync(
            "event_log", await File.ReadAllTextAsync(GoldenFiles.PathOf("events.storable.jsonl"), TestContext.Current.CancellationToken));

        IFoldProjection[] projections =
        [
            new EvaluationStateProjection(),
            new ExperimentRunStateProjection(),
            TenantDailyBillableEventsProjection.ForProjects(),
            TenantDailyBillableEventsProjection.ForTenants(),
            TenantDailyEventStatsProjection.ForProjects(),
            TenantDailyEventStatsProjection.ForTenants(),
            new TraceSummaryProjection(new Lazy<ModelPrices>(GoldenFiles.PriceTables().Values.Last())),
        ];
        foreach (var projection in projections)
        {
            foreach (var tenant in Tenants)
            {
                var outcome = await ReplayOutcome.RunAsync(
                    servers, projection, new TestTenant(servers, tenant), new ReplayOptions { AggregateBatchSize = 7 });
                outcome.ShouldSucceed();
                Assert.Empty(
                    (await ComparisonOutcome.RunAsync(servers, projection, new TestTenant(servers, tenant))).ShouldSucceed().Differences);
            }
        }

        await AssertTableAsync("evaluation_states", "EvaluationId");
        await AssertTableAsync("experiment_runs", "RunId");
        await AssertTableAsync("trace_summaries", "TraceId");
        await AssertCountersAsync("projectDailyBillableEvents", "ProjectDailyBillableEvents", "projectId");
        await AssertCountersAsync("projectDailyBillableEvents", "TenantDailyBillableEvents", "tenantId");
        await AssertCountersAsync("projectDailySdkUsage", "ProjectDailySdkUsage", "projectId");
        await AssertCountersAsync("projectDailySdkUsage", "TenantDailyEventStats", "tenantId");
    }

    private async Task AssertTableAsync(string table, string idColumn)
    {
        var golden = GoldenFiles.Rows(table);
        var columns = string.Join(", ", golden[0].EnumerateObject().Select(column => column.Name));
        var stored = (await servers.QueryAsync($"SELECT {columns} FROM {table} FINAL WHERE TenantId IN ({TenantList})"))
            .ToDictionary(row => (row.GetProperty("TenantId").GetString(), row.GetProperty(idColumn).GetString()));

        Assert.Equal(golden.Count, stored.Count);
        foreach (var expected in golden)
        {
            var id = expected.GetProperty(idColumn).GetString();
            var actual = stored[(expected.GetProperty("TenantId").GetString(), id)];
            foreach (var column in expected.EnumerateObject())
            {
                var value = actual.GetProperty(column.Name);
                var same = column.Value.ValueKind == JsonValueKind.Number && value.ValueKind == JsonValueKind.Number
                    ? column.Value.GetDouble().Equals(value.GetDouble())
                    : column.Value.ToString() == value.ToString() && column.Value.ValueKind == value.ValueKind;
                Assert.True(same, $"{table} {id}: {column.Name} should be {column.Value} but is {value}");
            }
        }
    }

    private async Task AssertCountersAsync(string projection, string table, string tenantColumn)
    {
        var golden = GoldenFiles.Rows("postgres_counters").Where(row => row.GetProperty("table").GetString() == projection).ToList();
        var names = golden[0].EnumerateObject().Select(column => column.Name).Where(name => name != "table").ToList();
        var columns = string.Join(", ", names.Select(name => name == "projectId" ? $"\"{tenantColumn}\"" : $"\"{name}\""));
        await using var command = servers.Postgres.CreateCommand($"""SELECT {columns} FROM "{table}" WHERE "{tenantColumn}" = ANY($1)""");
        command.Parameters.AddWithValue(Tenants);
        var stored = new Dictionary<string, string>();
        await using (var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await reader.ReadAsync(TestContext.Current.CancellationToken))
            {
                stored.Add(reader.GetString(0), string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(reader.GetValue)));
            }
        }

        var expected = golden.ToDictionary(
            row => row.GetProperty("id").GetString()!, row => string.Join('|', names.Select(name => row.GetProperty(name).ToString())));
        Assert.Equal(expected.OrderBy(row => row.Key, StringComparer.Ordinal), stored.OrderBy(row => row.Key, StringComparer.Ordinal));
    }

    private async Task StartAfreshAsync()
    {
        foreach (var table in (string[])["event_log", "evaluation_states", "experiment_runs", "trace_summaries"])
        {
            await servers.ExecuteAsync($"DELETE FROM {table} WHERE TenantId IN ({TenantList})");
        }

        foreach (var (table, column) in ((string, string)[])
            [
                ("ProjectDailyBillableEvents", "projectId"), ("TenantDailyBillableEvents", "tenantId"),
                ("ProjectDailySdkUsage", "projectId"), ("TenantDailyEventStats", "tenantId"),
            ])
        {
            await using var command = servers.Postgres.CreateCommand($"""DELETE FROM "{table}" WHERE "{column}" = ANY($1)""");
            command.Parameters.AddWithValue(Tenants);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    private static string TenantList => string.Join(", ", Tenants.Select(tenant => $"'{tenant}'"));
}

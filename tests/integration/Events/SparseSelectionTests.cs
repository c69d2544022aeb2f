using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Events;

/// <summary>A recent start date selects few aggregates of many: what lies between them is not sent.</summary>
public sealed class SparseSelectionTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly DateTimeOffset Recent = TestTenant.Start.AddDays(30);

    private static IFoldProjection Evaluations => ProjectionCatalog.BuiltIn.Get("evaluationState").Projection;

    [Theory]
    [InlineData(false, 300)]
    [InlineData(true, 9)]
    public async Task Only_a_dense_selection_is_sent_with_all_that_lies_between(bool isSparse, int rows)
    {
        using var database = Open();
        var tenant = await TenantAsync();
        var definition = Evaluations.Definition;
        var selection = new EventSelection(tenant.Id, definition.AggregateTypes, definition.EventTypes, Recent) { IsSparse = isSparse };
        var range = new AggregateRange("evaluation", TestTenant.EvaluationId(0), TestTenant.EvaluationId(99));
        var log = new ClickHouseEventLog(database);

        Assert.Equal(rows, await CountSentAsync(log, selection, range));
        Assert.Equal(rows, await log.CountRowsAsync(selection, range, TestContext.Current.CancellationToken));
        Assert.Equal(300, await log.CountRowsAsync(selection, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(60, false)]
    public async Task Whether_it_is_sparse_is_found_out_at_discovery(int recent, bool isSparse)
    {
        using var database = Open();
        var tenant = await TenantAsync(recent);
        var definition = Evaluations.Definition;
        var selection = new EventSelection(tenant.Id, definition.AggregateTypes, definition.EventTypes, Recent);
        var request = new ReplayRequest { Projection = Evaluations, TenantId = tenant.Id, Since = Recent };
        var found = await DiscoveredAggregates.FindAsync(
            new ClickHouseEventLog(database), selection, request, TestContext.Current.CancellationToken);
        Assert.Equal((recent, 3 * recent, isSparse), (found.AggregateCount, found.EventCount, found.Selection.IsSparse));
    }

    [Fact]
    public async Task The_whole_history_of_each_is_folded_all_the_same()
    {
        var tenant = await TenantAsync();
        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, since: Recent);
        Assert.Equal(9, outcome.ShouldSucceed().Last.TotalEvents);

        // Scheduled and started long before the start date.
        var evaluations = await tenant.EvaluationsAsync();
        Assert.Equal(3, evaluations.Count);
        Assert.All(evaluations.Values, evaluation => Assert.StartsWith("2026-01-10", evaluation.GetProperty("StartedAt").GetString()));
    }

    private static async Task<int> CountSentAsync(ClickHouseEventLog log, EventSelection selection, AggregateRange range)
    {
        var count = 0;
        await using var reader = await log.ReadAsync(
            selection, range, EventColumns.None, TimeSpan.Zero, 1_000, TestContext.Current.CancellationToken);
        while (await reader.FillAsync(TestContext.Current.CancellationToken)) count += Drain(reader);
        return count;

        static int Drain(EventReader reader)
        {
            var rows = 0;
            for (; reader.TryPeek(out _); reader.Advance()) rows++;
            return rows;
        }
    }

    private ClickHouseDatabase Open() => new(ServerSettings.ClickHouse(new ConnectionUrl(servers.ClickHouseUrl, "test")).Settings);

    /// <summary>A hundred evaluations, some of which were completed only lately.</summary>
    private async Task<TestTenant> TenantAsync(int recent = 3)
    {
        var tenant = new TestTenant(servers);
        for (var i = 0; i < 100; i++)
        {
            var id = TestTenant.EvaluationId(i);
            var payload = $$"""{"evaluationId":"{{id}}","evaluatorId":"evaluator_1","evaluatorType":"custom/test"}""";
            tenant.AddRaw("evaluation", id, "lw.evaluation.scheduled", TestTenant.Start, payload);
            tenant.AddRaw("evaluation", id, "lw.evaluation.started", TestTenant.Start.AddSeconds(1), payload);
            tenant.AddRaw(
                "evaluation",
                id,
                "lw.evaluation.completed",
                i % 100 < recent ? Recent : TestTenant.Start.AddSeconds(2),
                $$"""{"evaluationId":"{{id}}","status":"processed"}""");
        }

        return await tenant.AppendAsync();
    }
}

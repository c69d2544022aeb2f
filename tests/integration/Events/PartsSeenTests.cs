using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Hostile;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Events;

/// <summary>What came to the log after it was read is told by the part of the table that it stands in.</summary>
public sealed class PartsSeenTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_stand_elsewhere_when_they_came_later_or_were_merged_meanwhile()
    {
        await using var own = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync(own.Table("event_log"));
        using var database = Open(own);
        var log = new ClickHouseEventLog(database);
        await log.Table.CheckAsync(CancellationToken);
        var selection = new EventSelection(
            tenant.Id, Evaluations.Definition.AggregateTypes, Evaluations.Definition.EventTypes, TestTenant.Start);
        var range = new AggregateRange("evaluation", TestTenant.EvaluationId(0), TestTenant.EvaluationId(4));
        var (rows, parts) = await ReadAsync(log, selection, range);
        Assert.Equal(15, rows);
        Assert.False(await log.HasRowsElsewhereAsync(selection, range, parts!, CancellationToken));

        // Where nothing was read all rows are new.
        Assert.True(await log.HasRowsElsewhereAsync(selection, range, [], CancellationToken));

        // Another tenant's, and other aggregates'.
        await new TestTenant(servers).AddEvaluations(5).AppendAsync(own.Table("event_log"));
        await tenant.AddEvaluation(TestTenant.EvaluationId(7)).AppendAsync(own.Table("event_log"));
        Assert.False(await log.HasRowsElsewhereAsync(selection, range, parts!, CancellationToken));

        await servers.ExecuteAsync($"OPTIMIZE TABLE {own.Table("event_log")} FINAL");
        Assert.True(await log.HasRowsElsewhereAsync(selection, range, parts!, CancellationToken));
        (rows, parts) = await ReadAsync(log, selection, range);
        Assert.Equal(15, rows);
        Assert.False(await log.HasRowsElsewhereAsync(selection, range, parts!, CancellationToken));

        await tenant.AddEvaluation(TestTenant.EvaluationId(3)).AppendAsync(own.Table("event_log"));
        Assert.True(await log.HasRowsElsewhereAsync(selection, range, parts!, CancellationToken));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Parts_that_are_merged_while_a_batch_is_in_hand_hide_no_event(bool isLate)
    {
        await using var own = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(50).AppendAsync(own.Table("event_log"));
        await tenant.AddEvaluation("f1").AppendAsync(own.Table("event_log"));

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: own.Connections, options: new ReplayOptions
        {
            AggregateBatchSize = 20,
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Drain, IsBefore: true)) return;
                if (isLate)
                {
                    Fail(tenant);
                    await tenant.AppendAsync(own.Table("event_log"));
                }

                await servers.ExecuteAsync($"OPTIMIZE TABLE {own.Table("event_log")} FINAL");
            },
        });

        Assert.Equal((153 + (isLate ? 1 : 0), 51), ((int)outcome.ShouldSucceed().Last.TotalEvents!, outcome.Last.AggregatesReplayed));
        Assert.Equal(
            isLate ? 1 : 0, outcome.Verbose.Count(text => text.Contains("got events since they were read", StringComparison.Ordinal)));
        var failed = await servers.QueryAsync($"SELECT EvaluationId FROM {own.Table("evaluation_states")} FINAL WHERE Status = 'error'");
        Assert.Equal(isLate ? ["e0007"] : [], failed.Select(row => row.GetProperty("EvaluationId").GetString()));
    }

    [Fact]
    public async Task A_log_that_has_no_parts_of_its_own_is_counted_instead()
    {
        await using var own = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(10).AppendAsync(own.Table("event_log"));
        await servers.ExecuteAsync($"RENAME TABLE {own.Table("event_log")} TO {own.Table("event_log_local")}");
        await servers.ExecuteAsync($"CREATE VIEW {own.Table("event_log")} AS SELECT * FROM {own.Table("event_log_local")}");
        using var database = Open(own);
        var log = new ClickHouseEventLog(database);
        await log.Table.CheckAsync(CancellationToken);
        var selection = new EventSelection(
            tenant.Id, Evaluations.Definition.AggregateTypes, Evaluations.Definition.EventTypes, TestTenant.Start);
        var (rows, parts) = await ReadAsync(log, selection, new AggregateRange("evaluation", "a", "z"));
        Assert.Equal((30, true), (rows, parts is null));

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: own.Connections, options: new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary != new ReplayBoundary(1, ReplayPhase.Mark, IsBefore: true)) return;
                Fail(tenant);
                await tenant.AppendAsync(own.Table("event_log_local"));
            },
        });

        Assert.Equal(31, outcome.ShouldSucceed().Last.TotalEvents);
    }

    [Fact]
    public void What_is_listed_stays_as_it_is_and_too_many_are_not_listed()
    {
        var seen = new PartsSeen();
        Assert.Equal([], seen.ToList());

        // The second and the third share a place among the recent ones.
        foreach (var part in (ulong[])[7, 300, 44, 300, 44, 7, 7]) seen.Add(part);
        var list = seen.ToList()!;
        Assert.Equal<ulong>([7, 44, 300], [.. list.Order()]);
        Assert.Same(list, seen.ToList());

        seen.Add(1);
        Assert.Equal(3, list.Count);
        Assert.Equal(4, seen.ToList()!.Count);

        for (var part = 1UL; part <= 2_000; part++) seen.Add(part);
        Assert.Null(seen.ToList());
    }

    private static void Fail(TestTenant tenant) => tenant.AddRaw(
        "evaluation",
        TestTenant.EvaluationId(7),
        "lw.evaluation.completed",
        TestTenant.Start.AddHours(1),
        """{"evaluationId":"e0007","status":"error"}""");

    private static async Task<(int Rows, IReadOnlyList<ulong>? Parts)> ReadAsync(
        ClickHouseEventLog log, EventSelection selection, AggregateRange range)
    {
        var rows = 0;
        await using var reader = await log.ReadAsync(selection, range, EventColumns.None, TimeSpan.Zero, 1_000, CancellationToken);
        while (await reader.FillAsync(CancellationToken)) rows += Drain(reader);
        return (rows, reader.Parts?.ToList());

        static int Drain(EventReader reader)
        {
            var rows = 0;
            for (; reader.TryPeek(out _); reader.Advance()) rows++;
            return rows;
        }
    }

    private static ClickHouseDatabase Open(OwnDatabase own) =>
        new(ServerSettings.ClickHouse(new ConnectionUrl(own.Connections.ClickHouseUrl!, "test")).Settings);
}

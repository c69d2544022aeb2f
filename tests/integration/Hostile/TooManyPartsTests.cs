using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>A ClickHouse that cannot keep up with merging is given time.</summary>
public sealed class TooManyPartsTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Too_many_parts_are_waited_out_and_said()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        await database.CopyAsync(tenant);
        var states = database.Table("evaluation_states");
        await servers.ExecuteAsync($"INSERT INTO {states} (TenantId, EvaluationId) VALUES ('another', 'e1')");
        await servers.ExecuteAsync($"ALTER TABLE {states} MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1");

        var replay = ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: database.Connections);
        await Task.WhenAny(replay, UntilMarkedAsync(tenant));
        await Task.Delay(TimeSpan.FromMilliseconds(400), TestContext.Current.CancellationToken);
        await servers.ExecuteAsync($"ALTER TABLE {states} MODIFY SETTING parts_to_throw_insert = 3000, parts_to_delay_insert = 1000");

        var outcome = await replay;
        outcome.ShouldSucceed();
        Assert.Contains(outcome.Verbose, text =>
            text.StartsWith("Writing to evaluation_states: ", StringComparison.Ordinal)
            && text.Contains("TOO_MANY_PARTS", StringComparison.Ordinal)
            && text.Contains("Trying again in", StringComparison.Ordinal));
        var stored = await servers.QueryAsync(
            $"SELECT EvaluationId FROM {states} FINAL WHERE TenantId = '{tenant.Id}' ORDER BY EvaluationId");
        Assert.Equal(["e0000", "e0001"], stored.Select(row => row.GetProperty("EvaluationId").GetString()));
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
    }

    private static async Task UntilMarkedAsync(TestTenant tenant)
    {
        while ((await tenant.MarkersAsync("evaluationState")).Count == 0) await Task.Delay(10);
    }
}

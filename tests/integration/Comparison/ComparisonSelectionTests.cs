using System.Globalization;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>Which aggregates a comparison looks at.</summary>
public sealed class ComparisonSelectionTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Since_takes_the_aggregates_that_a_replay_would()
    {
        var tenant = new TestTenant(servers);
        await tenant.AddEvaluation("old", TestTenant.Start.AddDays(-30)).AddEvaluation("new").AppendAsync();

        var outcome = await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, request => request with { Since = TestTenant.Start });

        Assert.Equal(["Missing new - null null"], outcome.ShouldSucceed().Lines);
    }

    [Fact]
    public async Task Chosen_aggregates_are_compared_and_those_without_events_are_named()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();

        var outcome = await ComparisonOutcome.RunAsync(
            servers, Evaluations, tenant, request => request with { AggregateIds = ["e0003", "nobody", "e0001"] });

        Assert.Equal(["e0001", "e0003"], outcome.ShouldSucceed().Differences.Select(difference => difference.Key));
        Assert.Contains("'nobody'", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sample_is_spread_by_the_servers_own_hash_and_the_same_each_time()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1_500).AppendAsync();
        var smallest = (await servers.QueryAsync(
            "SELECT DISTINCT AggregateId AS id FROM event_log WHERE TenantId = {tenant:String} ORDER BY cityHash64(AggregateId) LIMIT 600",
            ("tenant", tenant.Id)))
            .Select(row => row.GetProperty("id").GetString()!).Order(StringComparer.Ordinal).ToList();

        foreach (var size in (int[])[600, 600])
        {
            var outcome = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, request => request with { SampleSize = size }))
                .ShouldSucceed();

            Assert.Equal(smallest, outcome.Differences.Select(difference => difference.Key));
            Assert.Equal((600, 1800L), (outcome.Progress!.AggregateCount, outcome.Progress.EventsProcessed));
        }

        // No fifth of the key space is left out.
        Assert.Equal(5, smallest.Select(id => int.Parse(id[1..], CultureInfo.InvariantCulture) / 300).Distinct().Count());
    }

    [Fact]
    public async Task A_sample_larger_than_the_whole_is_the_whole()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var outcome = await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, request => request with { SampleSize = 1_000_000 });

        Assert.Equal(3, outcome.ShouldSucceed().Differences.Count);
    }
}

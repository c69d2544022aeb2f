using System.Management.Automation;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>What -Verbose and -Debug tell an operator of a run.</summary>
public sealed class OperatorStreamsTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Projection = "evaluationState";
    private readonly PowerShellSession _session = new();

    [Fact]
    public async Task Verbose_tells_the_servers_the_plan_the_log_each_batch_and_what_was_cleaned_up()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();

        var outcome = Run(tenant, "-AggregateBatchSize 2 -Verbose").ShouldSucceed();

        string[] told =
        [
            "Using ClickHouse http",
            "Found 5 aggregates with 15 events: 3 batches. No earlier run left anything behind.",
            "The replay log is '",
            "Batch 1 of 3 is done: 2 aggregates, 6 events. In all 2 of 5 aggregates after ",
            "Batch 2 of 3 is done",
            "Batch 3 of 3 is done: 1 aggregates, 3 events. In all 5 of 5",
            "Cleaned up: nothing is marked, and the record of 5 completed aggregates is removed.",
        ];
        Assert.Equal(
            told,
            outcome.Verbose
                .Select(line => told.FirstOrDefault(start => line.StartsWith(start, StringComparison.Ordinal)))
                .OfType<string>());
        Assert.Contains(":***@", outcome.Verbose[0], StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Verbose, line => line.Contains(" took ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Verbose_tells_what_an_earlier_run_left_and_that_it_is_removed()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await servers.Redis.SetAddAsync($"projection-replay:completed:{Projection}", tenant.AggregateKey(TestTenant.EvaluationId(0)));
        await servers.Redis.HashSetAsync(
            $"projection-replay:cutoff:{Projection}", tenant.AggregateKey(TestTenant.EvaluationId(1)), "pending");

        var outcome = Run(tenant, "-Resume -Force -Verbose").ShouldSucceed();

        Assert.Contains(
            outcome.Verbose,
            line => line.EndsWith(
                "An earlier run was interrupted: 1 aggregates are completed, 1 markers are left.", StringComparison.Ordinal));
        Assert.Contains("Removed 1 markers of an interrupted run.", outcome.Verbose);
        Assert.Contains("Resuming: 1 aggregates are completed.", outcome.Verbose);
    }

    [Fact]
    public async Task Verbose_tells_that_a_failed_run_gave_its_aggregates_back()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        tenant.AddRaw("evaluation", "e9999", "lw.evaluation.completed", TestTenant.Start, "this is no JSON");
        await tenant.AppendAsync();

        var outcome = Run(tenant, "-Verbose");

        outcome.ShouldFailWith("InvalidEventPayload");
        Assert.Contains("Abandoned the batches in hand: none of their aggregates was marked yet.", outcome.Verbose);
    }

    [Fact]
    public async Task Debug_tells_how_long_each_phase_took_and_what_each_stream_read()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(4).AppendAsync();

        var debug = Run(tenant, "-AggregateBatchSize 2 -Debug 5>&1").ShouldSucceed().Output
            .Select(item => item.BaseObject).OfType<DebugRecord>().Select(record => record.Message).ToList();

        foreach (var batch in (int[])[1, 2])
        {
            string[] phases = ["Load", "Mark", "Drain", "CatchUp", "Cutoff", "Settle", "Store", "Unmark"];
            Assert.Equal(
                phases,
                debug
                    .Where(line => line.Contains(" took ", StringComparison.Ordinal)
                        && line.StartsWith($"Batch {batch}: ", StringComparison.Ordinal))
                    .Select(line => line.Split(' ')[2]));
            Assert.Single(debug, line => line.StartsWith($"Batch {batch}: read 6 rows of 2 aggregates in ", StringComparison.Ordinal));
        }

        Assert.Contains(debug, line => line.StartsWith("Discovering aggregates took ", StringComparison.Ordinal));
        Assert.Contains("Took the run lock.", debug);
    }

    public void Dispose() => _session.Dispose();

    private ShellOutcome Run(TestTenant tenant, string parameters) => _session.Run(
        $"Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls {parameters}",
        ("tenant", tenant.Id), ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

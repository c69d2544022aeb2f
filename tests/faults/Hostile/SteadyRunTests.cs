using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>
/// A run takes as much at its end as at its beginning, however many batches it has: 1,000, or REPLAY_TEST_BATCHES.
/// </summary>
[Trait("Set", "Nightly")]
[Collection(nameof(SteadyRunTests))]
[CollectionDefinition(nameof(SteadyRunTests), DisableParallelization = true)]
public sealed class SteadyRunTests(TestServers servers) : IClassFixture<TestServers>
{
    /// <summary>What a long run may gain between a fifth of its way and its end: what lists of aggregates and pools come to.</summary>
    private const long Tolerance = 4 * 1024 * 1024;

    [Fact]
    public async Task Memory_threads_and_handles_stay_flat_over_many_batches()
    {
        var batches = FaultSchedule.Number("REPLAY_TEST_BATCHES") ?? 1_000;
        var tenant = await new TestTenant(servers).AddEvaluations(batches).AppendAsync();
        var (early, late) = (new Usage(0, 0, 0), new Usage(0, 0, 0));

        var outcome = await ReplayOutcome.RunAsync(servers, TenantDailyBillableEventsProjection.ForTenants(), tenant, new ReplayOptions
        {
            AggregateBatchSize = 1,
            Probe = (boundary, _) =>
            {
                if (boundary == new ReplayBoundary(batches / 5, ReplayPhase.Unmark, IsBefore: false)) early = Usage.Measure();
                if (boundary == new ReplayBoundary(batches, ReplayPhase.Unmark, IsBefore: false)) late = Usage.Measure();
                return ValueTask.CompletedTask;
            },
        });

        Assert.Equal(batches, outcome.ShouldSucceed().Last.AggregatesReplayed);

        // The test itself keeps every log entry, some 300 bytes for each of five steps a batch.
        var kept = batches * 5 * 300L;
        Assert.True(late.Heap < early.Heap + kept + Tolerance, $"The heap should stay flat, but grew from {early} to {late}.");
        Assert.True(late.Threads <= early.Threads + 8, $"The threads should not become more, but went from {early} to {late}.");
        Assert.True(late.Handles <= early.Handles + 16, $"The handles should not become more, but went from {early} to {late}.");
    }

    private sealed record Usage(long Heap, int Threads, int Handles)
    {
        public static Usage Measure()
        {
            using var process = Process.GetCurrentProcess();
            return new Usage(GC.GetTotalMemory(forceFullCollection: true), process.Threads.Count, process.HandleCount);
        }

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"{Heap / 1024:N0} KiB, {Threads} threads and {Handles} handles");
    }
}

using System.Globalization;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Bench;

/// <summary>What a dry run costs: all aggregates are found and counted, none is replayed.</summary>
internal static class Discovery
{
    private const int EventsPerAggregate = 3;

    public static async Task RunAsync(long aggregates, int rounds)
    {
        await using var sandbox = await SandboxProcess.StartAsync();
        await ChildProcess.SeedAsync(sandbox, aggregates * EventsPerAggregate, SeedMix.Evaluations);
        foreach (var projection in (string[])["evaluationState", "tenantDailyBillableEvents"])
        {
            var measured = await ChildProcess.MeasureAsync(sandbox, projection, new MeasureOptions(rounds) { IsDryRun = true });
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{projection}: {measured.Aggregates:N0} aggregates of {measured.Events:N0} events found in "
                    + $"{Measurement.Median(measured.Replay):0.00} s (median of {measured.Replay.Count}), "
                    + $"{measured.PeakMegabytes:N0} MB peak"));
        }
    }
}

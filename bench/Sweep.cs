using System.Globalization;
using ProjectionReplay.Sandbox;

namespace ProjectionReplay.Bench;

/// <summary>What the size of a batch and the number of streams do to a replay.</summary>
internal static class Sweep
{
    private static readonly int[] Concurrencies = [1, 4, 10, 64];
    private static readonly int[] BatchSizes = [0, 1_000, 10_000, 50_000, 100_000, 200_000];

    public static async Task RunAsync(string projection, long events, int rounds)
    {
        await using var sandbox = await SandboxProcess.StartAsync();
        await ChildProcess.SeedAsync(sandbox, events, Throughput.MixFor(projection));
        Console.WriteLine($"{projection}, {events:N0} events, {rounds} rounds, {Environment.ProcessorCount} cores");
        Console.WriteLine("| aggregates of a batch | concurrency | replay, events/s | ratio to raw | peak memory, MB |");
        Console.WriteLine("|---:|---:|---:|---:|---:|");
        var sizes = BatchSizes.Select(size => new MeasureOptions(rounds, 0, size));
        var concurrencies = Concurrencies.Select(concurrency => new MeasureOptions(rounds, concurrency));
        foreach (var options in sizes.Concat(concurrencies))
        {
            var measured = await ChildProcess.MeasureAsync(sandbox, projection, options);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {Or(options.AggregateBatchSize)} | {Or(options.Concurrency)} | {measured.ReplayRate:N0} "
                    + $"| {measured.ReplayRate / measured.RawRate:0.00} | {measured.PeakMegabytes:N0} |"));
        }
    }

    private static string Or(int number) => number == 0 ? "default" : number.ToString("N0", CultureInfo.InvariantCulture);
}

using System.Globalization;
using ProjectionReplay.Sandbox;

namespace ProjectionReplay.Bench;

/// <summary>How time and memory grow with the log.</summary>
internal static class Growth
{
    public static async Task RunAsync(string projection, long most, int rounds, string? chart)
    {
        Console.WriteLine($"{projection}, {rounds} rounds, {Environment.ProcessorCount} cores");
        Console.WriteLine("| events | raw, s per million | replay, s per million | ratio | peak memory, MB |");
        Console.WriteLine("|---:|---:|---:|---:|---:|");
        var points = new List<(long Events, double Seconds)>();
        foreach (var events in Sizes(most))
        {
            await using var sandbox = await SandboxProcess.StartAsync();
            await ChildProcess.SeedAsync(sandbox, events, Throughput.MixFor(projection));
            var measured = await ChildProcess.MeasureAsync(sandbox, projection, new MeasureOptions(rounds));
            points.Add((measured.Events, 1e6 / measured.ReplayRate));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {measured.Events:N0} | {1e6 / measured.RawRate:0.00} | {1e6 / measured.ReplayRate:0.00} "
                    + $"| {measured.ReplayRate / measured.RawRate:0.00} | {measured.PeakMegabytes:N0} |"));
        }

        if (chart is not null) await File.WriteAllTextAsync(chart, GrowthChart.Draw(projection, points));
    }

    private static IEnumerable<long> Sizes(long most)
    {
        for (var decade = 100_000L; decade <= most; decade *= 10)
        {
            yield return decade;
            if (decade * 3 <= most) yield return decade * 3;
        }
    }
}

using System.Globalization;
using ProjectionReplay.Projections;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Bench;

/// <summary>Sets the time of a replay against that of merely reading the same columns.</summary>
internal static class Throughput
{
    /// <summary>
    /// One that folds payloads, one that counts without them, and the one that folds the largest. What is counted is one of
    /// an evaluation's three events; in the mixed log an aggregate has three of them as well.
    /// </summary>
    private static readonly (SeedMix Log, string[] Projections)[] s_all =
    [
        (SeedMix.Evaluations, ["evaluationState", "tenantDailyBillableEvents"]),
        (SeedMix.Mixed, ["tenantDailyBillableEvents", "traceSummary"]),
    ];

    /// <summary>Measures one projection, or all that are worth it.</summary>
    public static async Task RunAsync(string? only, long events, MeasureOptions options)
    {
        foreach (var (log, projections) in only is null ? s_all : [(MixFor(only), [only])])
        {
            await using var sandbox = await SandboxProcess.StartAsync();
            await ChildProcess.SeedAsync(sandbox, events, log);
            foreach (var projection in projections) Print(projection, log, await ChildProcess.MeasureAsync(sandbox, projection, options));
        }
    }

    /// <summary>Evaluations alone, unless the projection folds something else.</summary>
    public static SeedMix MixFor(string projection)
    {
        var types = ProjectionCatalog.BuiltIn.Get(projection).Projection.Definition.EventTypes;
        return types.Any(type => type.StartsWith("lw.evaluation.", StringComparison.Ordinal)) ? SeedMix.Evaluations : SeedMix.Mixed;
    }

    private static void Print(string projection, SeedMix log, Measurement measured)
    {
        var (rounds, cores) = (measured.Replay.Count, Environment.ProcessorCount);
        var (cpu, enginesCpu) = (Measurement.Median(measured.Cpu), Measurement.Median(measured.EnginesCpu));
        var (peak, idle) = (measured.PeakMegabytes, measured.IdleMegabytes);
        var all = measured.Phases.Values.Sum();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {projection}, {log} log, {measured.Events:N0} events of {measured.Aggregates:N0} aggregates, {rounds} rounds, {cores} cores
            raw     {measured.RawRate,12:N0} events/s   (median of {Seconds(measured.Raw)} s)
            replay  {measured.ReplayRate,12:N0} events/s   (median of {Seconds(measured.Replay)} s)
            ratio   {measured.ReplayRate / measured.RawRate,12:0.00}
            cpu     {cpu,12:0.00} s of the replaying process, {enginesCpu:0.00} s of the engines
            memory  {peak,12:N0} MB peak ({idle:N0} MB before the first replay), {measured.Allocated:N0} bytes allocated per event
            phases  {string.Join("  ", measured.Phases.Select(phase => $"{phase.Key.ToLowerInvariant()} {100 * phase.Value / all:0} %"))}

            """));
    }

    private static string Seconds(IEnumerable<double> seconds) =>
        string.Join(" ", seconds.Select(second => second.ToString("0.00", CultureInfo.InvariantCulture)));
}

using System.Globalization;
using ProjectionReplay.Bench;
using ProjectionReplay.Faults;

try
{
    return await RunAsync(args);
}
catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException
    or ReplayException { Error: ReplayError.ProjectionNotFound })
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

static async Task<int> RunAsync(string[] args)
{
    switch (args)
    {
        case ["throughput", .. var rest]:
            await Throughput.RunAsync(
                rest is [var replayed, ..] && replayed != "all" ? replayed : null,
                Number(rest, 1, 300_000),
                new MeasureOptions(Number(rest, 2, 5), Number(rest, 3, 0), Number(rest, 4, 0)));
            return 0;
        case ["growth", .. var rest]:
            await Growth.RunAsync(
                rest is [var grown, ..] ? grown : "evaluationState",
                Number(rest, 1, 3_000_000),
                Number(rest, 2, 3),
                rest.ElementAtOrDefault(3));
            return 0;
        case ["sweep", .. var rest]:
            await Sweep.RunAsync(rest is [var swept, ..] ? swept : "evaluationState", Number(rest, 1, 1_000_000), Number(rest, 2, 3));
            return 0;
        case ["discovery", .. var rest]:
            await Discovery.RunAsync(Number(rest, 0, 1_000_000), Number(rest, 1, 3));
            return 0;
        case ["skew", .. var rest]:
            await Skew.RunAsync(Number(rest, 0, 3), Number(rest, 1, 100));
            return 0;
        case ["fold", .. var rest]:
            Folding.Run(rest is [var folded, ..] ? folded : "traceSummary", Number(rest, 1, 56_000), Number(rest, 2, 5));
            return 0;
        case ["inner", .. var rest]:
            InnerLoops.Run(rest);
            return 0;

        // What the commands above run in processes of their own, so that neither the seeder nor an earlier measurement is
        // in the memory that is measured.
        case [ChildProcess.Seed, var clickHouseUrl, var events, var mix]:
            await ChildProcess.SeedAsync(clickHouseUrl, long.Parse(events, CultureInfo.InvariantCulture), mix);
            return 0;
        case [ChildProcess.Measure, var target, var projection, var options]:
            await ChildProcess.MeasureAsync(target, projection, options);
            return 0;
        default:
            await Console.Error.WriteLineAsync("""
                Usage: dotnet run -c Release --project bench -- throughput [projection|all] [events] [rounds] [concurrency] [aggregates]
                       dotnet run -c Release --project bench -- growth [projection] [events] [rounds] [chart.svg]
                       dotnet run -c Release --project bench -- sweep [projection] [events] [rounds]
                       dotnet run -c Release --project bench -- discovery [aggregates] [rounds]
                       dotnet run -c Release --project bench -- skew [rounds] [percent]
                       dotnet run -c Release --project bench -- fold [projection] [spans] [rounds]
                       dotnet run -c Release --project bench -- inner [BenchmarkDotNet's options]

                throughput  Seeds a sandbox, then reads the events raw and replays them in turn. Prints the medians, their
                            ratio, processor time, memory of the replaying process, and the shares of the phases. Defaults:
                            all of evaluationState, tenantDailyBillableEvents (in two logs) and traceSummary, 300000
                            events, 5 rounds, concurrency and aggregates of a batch (0) as Invoke-ProjectionReplay has them.
                growth      The same at 100000 events, 300000, 1000000 and so on up to the number given: the time of a
                            million events at each, and memory. Writes a chart when a path is given. Default: 3000000, 3 rounds.
                sweep       The same with several batch sizes and concurrencies. Default: 1000000 events, 3 rounds.
                discovery   A dry run over so many aggregates of three events. Default: 1000000, 3 rounds.
                skew        One huge aggregate, many small tenants, many unwanted event types. Default: 3 rounds, and
                            100 percent: a few million rows each.
                fold        Folds spans of about 2 KB, of several styles, that are in memory, on one thread. Prints the
                            median of spans per second, and the bytes allocated for each. For projections that fold spans.
                            Defaults: traceSummary, 56000 spans, 5 rounds.
                inner       The inner loops, under BenchmarkDotNet: reading rows, folding, making ids, writing rows.
                """);
            return 2;
    }
}

static int Number(string[] arguments, int position, int otherwise) =>
    arguments.Length > position ? int.Parse(arguments[position], CultureInfo.InvariantCulture) : otherwise;

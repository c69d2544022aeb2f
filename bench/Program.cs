using System.Globalization;
using ProjectionReplay.Bench;
using ProjectionReplay.Replay;

switch (args)
{
    case ["throughput", .. var rest]:
        await Throughput.RunAsync(rest is [var replayed, ..] ? replayed : "evaluationState", Number(rest, 1, 300_000), Number(rest, 2, 5), Options(rest));
        return 0;
    case ["fold", .. var rest]:
        Folding.Run(rest is [var folded, ..] ? folded : "traceSummary", Number(rest, 1, 56_000), Number(rest, 2, 5));
        return 0;
    default:
        await Console.Error.WriteLineAsync("""
            Usage: dotnet run -c Release --project bench -- throughput [projection] [events] [rounds] [concurrency] [aggregates]
                   dotnet run -c Release --project bench -- fold [projection] [spans] [rounds]

            throughput  Seeds a sandbox with evaluation events (three per aggregate), then reads them raw and replays
                        them in turn. Prints the medians, their ratio, and the peak memory of this process, which is
                        the replaying one. Defaults: evaluationState, 300000 events, 5 rounds,
                        and the defaults of Invoke-ProjectionReplay.
            fold        Folds spans of about 2 KB, of several styles, that are in memory, on one thread. Prints the
                        median of spans per second, and the bytes allocated for each. For projections that fold spans.
                        Defaults: traceSummary, 56000 spans, 5 rounds.
            """);
        return 2;
}

static ReplayOptions Options(string[] arguments)
{
    var options = new ReplayOptions();
    return options with
    {
        Concurrency = Number(arguments, 3, options.Concurrency),
        AggregateBatchSize = arguments.Length > 4 ? Number(arguments, 4, 0) : null,
    };
}

static int Number(string[] arguments, int position, int otherwise) =>
    arguments.Length > position ? int.Parse(arguments[position], CultureInfo.InvariantCulture) : otherwise;

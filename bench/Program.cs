using ProjectionReplay.Bench;

if (args is not [var command, .. var rest] || command is not "throughput")
{
    await Console.Error.WriteLineAsync("""
        Usage: dotnet run -c Release --project bench -- throughput [projection] [events] [rounds]

        Seeds a sandbox with evaluation events (three per aggregate), then reads them raw and replays them in turn.
        Prints the medians, their ratio, and the peak memory of this process, which is the replaying one.
        Defaults: evaluationState, 300000 events, 5 rounds.
        """);
    return 2;
}

var projection = rest.Length > 0 ? rest[0] : "evaluationState";
var events = rest.Length > 1 ? long.Parse(rest[1], System.Globalization.CultureInfo.InvariantCulture) : 300_000;
var rounds = rest.Length > 2 ? int.Parse(rest[2], System.Globalization.CultureInfo.InvariantCulture) : 5;
await Throughput.RunAsync(projection, events, rounds);
return 0;

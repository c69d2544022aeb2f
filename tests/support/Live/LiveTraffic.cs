using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Events;
using ProjectionReplay.Golden;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>
/// Appends results of experiment runs, to runs that have a past and to new ones, for as long as a test wants. Some
/// come in late: with an id from before the run's latest. Seeded, so that a schedule can be played again.
/// </summary>
internal sealed class LiveTraffic(TestTenant tenant, LiveWorkers workers, int runs, int seed)
{
    /// <summary>As fast as the live handlers are: those that fall far behind would only make the test wait.</summary>
    private const int MostUnhandled = 100;

    private int _appended;

    public int Appended => _appended;

    /// <summary>The share of events that come in late.</summary>
    public double LateShare { get; init; } = 1 / 4.0;

    /// <summary>How many runs without a past there may be.</summary>
    public int NewRuns { get; init; } = 20;

    /// <summary>The share of events that start a run; the others are results of one.</summary>
    public double StartShare { get; init; } = 1 / 6.0;

    /// <summary>Gives each run a past that no live handler ever saw.</summary>
    public static async Task SeedHistoryAsync(TestTenant tenant, int runs, int eventsPerRun)
    {
        for (var run = 0; run < runs; run++)
        {
            var id = RunId(run);
            tenant.AddRaw("experiment_run", id, "lw.experiment_run.started", TestTenant.Start,
                $$"""{"runId":"{{id}}","experimentId":"x","total":5,"targets":[]}""");
            for (var i = 1; i < eventsPerRun; i++)
            {
                tenant.AddRaw("experiment_run", id, "lw.experiment_run.target_result", TestTenant.Start.AddSeconds(i), Result(id, i));
            }
        }

        await tenant.AppendAsync();
    }

    /// <summary>Appends until told to stop.</summary>
    public async Task RunAsync(int streams, CancellationToken stop) =>
        await Task.WhenAll(Enumerable.Range(0, streams).Select(stream =>
            Task.Run(() => StreamAsync(new Random((seed * 31) + stream), stop))));

    private async Task StreamAsync(Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (workers.Backlog >= MostUnhandled)
            {
                await Task.Delay(2, CancellationToken.None);
                continue;
            }

            var number = Interlocked.Increment(ref _appended);
            var isLate = random.NextDouble() < LateShare;
            var isStart = random.NextDouble() < StartShare;
            // Of those that have a past, and sometimes a new one.
            var id = random.Next(10) == 0 ? $"new{random.Next(NewRuns):D3}" : RunId(random.Next(runs));
            var time = isLate ? TestTenant.Start.AddMilliseconds(500 + number) : TestTenant.Start.AddDays(1).AddMilliseconds(number);
            var key = new AggregateKey(tenant.Id, "experiment_run", id);
            var timestamp = time.ToUnixTimeMilliseconds();
            var row = JsonSerializer.Serialize(new Dictionary<string, object>
            {
                ["TenantId"] = tenant.Id,
                ["AggregateType"] = key.AggregateType,
                ["AggregateId"] = id,
                ["EventId"] = string.Create(
                    CultureInfo.InvariantCulture, $"{timestamp:D13}:{tenant.Id}:{id}:experiment_run:live{number:D20}"),
                ["EventType"] = isStart ? "lw.experiment_run.started" : "lw.experiment_run.target_result",
                ["EventVersion"] = "1",
                ["EventTimestamp"] = timestamp,
                ["EventOccurredAt"] = isStart ? TestTenant.Start.ToUnixTimeMilliseconds() : timestamp,
                ["EventPayload"] = isStart ? $$"""{"runId":"{{id}}","experimentId":"x","total":5,"targets":[]}""" : Result(id, number),
            });
            await workers.AppendAsync(tenant, EventLogRow.Parse(JsonElement.Parse(row)), row);
        }
    }

    private static string RunId(int run) => run.ToString("'run'0000", CultureInfo.InvariantCulture);

    /// <summary>Whole numbers, so that the order in which live handlers add them up does not matter.</summary>
    private static string Result(string runId, int number)
    {
        var error = number % 5 == 0 ? "\"failed\"" : "null";
        return string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"runId":"{{runId}}","experimentId":"x","cost":{{number % 7}},"duration":{{number % 100}},"error":{{error}}}""");
    }
}

using System.Diagnostics;
using System.Globalization;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Projections;
using ProjectionReplay.Replay;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Bench;

/// <summary>Replays a log of evaluation events, and sets the time against that of merely reading the same columns.</summary>
internal static class Throughput
{
    private const string Tenant = "project_bench";

    public static async Task RunAsync(string projectionName, long events, int rounds, ReplayOptions options)
    {
        var projection = ProjectionCatalog.BuiltIn.Get(projectionName).Projection;
        await using var sandbox = await SandboxProcess.StartAsync();
        using var seeder = new EventSeeder(sandbox.ClickHouseUrl!);
        var seeded = await seeder.SeedAsync(new SeedOptions { Events = events, Tenants = [Tenant], Mix = SeedMix.Evaluations });
        events = seeded.Events;

        var memoryBefore = PeakMegabytes();
        var (raw, replay, cpu, engineCpu) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var phases = new Dictionary<string, double>(StringComparer.Ordinal);
        var (allocated, paused, collected) = (GC.GetTotalAllocatedBytes(), GC.GetTotalPauseDuration(), Collections());
        for (var round = 0; round < rounds; round++)
        {
            raw.Add(await ReadRawAsync(sandbox));
            var (own, engines) = (CpuSeconds(Environment.ProcessId), CpuSeconds(sandbox.Id));
            replay.Add(await ReplayAsync(sandbox, projection, options, events, phases));
            cpu.Add(CpuSeconds(Environment.ProcessId) - own);
            engineCpu.Add(CpuSeconds(sandbox.Id) - engines);
        }

        var (rawRate, replayRate) = (events / Median(raw), events / Median(replay));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {projectionName}, {events:N0} events, {rounds} rounds, {Environment.ProcessorCount} cores
            raw     {rawRate,12:N0} events/s   (median of {string.Join(" ", raw.Select(seconds => seconds.ToString("0.00", CultureInfo.InvariantCulture)))} s)
            replay  {replayRate,12:N0} events/s   (median of {string.Join(" ", replay.Select(seconds => seconds.ToString("0.00", CultureInfo.InvariantCulture)))} s)
            ratio   {replayRate / rawRate,12:0.00}
            cpu     {Median(cpu),12:0.00} s of the replaying process, {Median(engineCpu):0.00} s of ClickHouse and Redis
            heap    {(GC.GetTotalAllocatedBytes() - allocated) / (double)rounds / events,12:N0} bytes allocated per event, {(GC.GetTotalPauseDuration() - paused).TotalSeconds / rounds:0.00} s paused, {string.Join('/', Collections().Zip(collected, (now, then) => (now - then) / rounds))} collections of generations 0/1/2
            memory  {PeakMegabytes(),12:N0} MB peak ({memoryBefore:N0} MB before the first replay)
            phases  {string.Join("  ", phases.Select(phase => $"{phase.Key} {100 * phase.Value / phases.Values.Sum():0} %"))}
            """));
    }

    private static async Task<double> ReplayAsync(
        SandboxProcess sandbox, IFoldProjection projection, ReplayOptions options, long events, Dictionary<string, double> phases)
    {
        await EmptyCountersAsync(sandbox);
        var connections = new ReplayConnections(directory: null)
        {
            ClickHouseUrl = sandbox.ClickHouseUrl,
            RedisUrl = sandbox.RedisUrl,
            DatabaseUrl = sandbox.DatabaseUrl,
        };
        var request = new ReplayRequest
        {
            Projection = projection,
            TenantId = Tenant,
            Since = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero),
            Options = options,
        };
        var messages = new ReplayMessages();
        var started = Stopwatch.GetTimestamp();
        var listening = ListenAsync(messages, phases, started);
        await using (var run = await new ReplayEngine(connections).PrepareAsync(request, isDryRun: false, messages, CancellationToken.None))
        {
            await run.ExecuteAsync(PreviousRunAction.Refuse, CancellationToken.None);
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        messages.Complete();
        var processed = await listening;
        if (projection.Definition.EventTypes.Count == 3 && projection.Definition.Store == ProjectionStoreKind.ClickHouse && processed != events)
        {
            throw new InvalidOperationException($"{processed} of {events} events were replayed.");
        }

        return seconds;
    }

    /// <summary>Adds up the time between one step and the next, under the later one's name.</summary>
    private static async Task<long> ListenAsync(ReplayMessages messages, Dictionary<string, double> phases, long started)
    {
        long processed = 0;
        var previous = started;
        await foreach (var message in messages.Reader.ReadAllAsync())
        {
            if (message is not ReplayLogMessage { Entry: var entry }) continue;
            var now = Stopwatch.GetTimestamp();
            phases[entry.Step] = phases.GetValueOrDefault(entry.Step) + Stopwatch.GetElapsedTime(previous, now).TotalSeconds;
            previous = now;
            processed = entry.TotalEvents ?? processed;
        }

        return processed;
    }

    /// <summary>The same columns in the same order, over HTTP, to nowhere.</summary>
    private static async Task<double> ReadRawAsync(SandboxProcess sandbox)
    {
        const string Sql = $"""
            SELECT AggregateId, EventId, EventType, EventTimestamp, EventOccurredAt, EventPayload
            FROM langwatch.event_log
            WHERE TenantId = '{Tenant}' AND AggregateType = 'evaluation'
            ORDER BY AggregateId, EventTimestamp, EventId
            FORMAT RowBinary
            """;

        using var client = new HttpClient();
        using var content = new StringContent(Sql);
        var url = new Uri(sandbox.ClickHouseUrl!);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{url.Host}:{url.Port}/") { Content = content };
        var started = Stopwatch.GetTimestamp();
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[256 * 1024];
        while (await stream.ReadAsync(buffer) > 0)
        {
            // To nowhere.
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task EmptyCountersAsync(SandboxProcess sandbox)
    {
        var url = new Uri(sandbox.DatabaseUrl!);
        var user = url.UserInfo.Split(':');
        await using var postgres = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user[1],
            Database = url.AbsolutePath.Trim('/'),
        });
        await using var command = postgres.CreateCommand("""TRUNCATE "TenantDailyBillableEvents", "TenantDailyEventStats" """);
        await command.ExecuteNonQueryAsync();
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static int[] Collections() => [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)];

    private static double CpuSeconds(int processId)
    {
        using var process = Process.GetProcessById(processId);
        return process.TotalProcessorTime.TotalSeconds;
    }

    private static long PeakMegabytes()
    {
        using var self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64 / (1024 * 1024);
    }
}

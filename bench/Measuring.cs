using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;

namespace ProjectionReplay.Bench;

/// <summary>Replays what a sandbox holds, round after round, and reads the same columns to nowhere in between.</summary>
internal static class Measuring
{
    /// <summary>USER_HZ, which is 100 on every Linux.</summary>
    private const double TicksPerSecond = 100;

    private static readonly DateTimeOffset Since = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static async Task<Measurement> RunAsync(MeasureTarget target, IFoldProjection projection, MeasureOptions options)
    {
        var (raw, replay, cpu, engines) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var phases = new PhaseTimes();
        var (events, aggregates) = (0L, 0);
        var (idle, allocated) = (Environment.WorkingSet, GC.GetTotalAllocatedBytes());
        for (var round = 0; round < options.Rounds; round++)
        {
            string[] tenants = options.Tenants == 1
                ? [ChildProcess.Tenant]
                : [.. Enumerable.Range(0, options.Tenants).Select(number => $"tenant{number}")];
            await EmptyAsync(target, projection.Definition);
            if (!options.IsDryRun) raw.Add(await ReadRawAsync(target, projection.Definition, tenants));
            var (ownBefore, enginesBefore) = (Environment.CpuUsage.TotalTime.TotalSeconds, CpuSeconds(target.EnginesProcessId));
            var started = Stopwatch.GetTimestamp();
            (events, aggregates) = (0, 0);
            foreach (var tenant in tenants)
            {
                var (replayed, found) = await ReplayAsync(target, projection, tenant, options, phases);
                (events, aggregates) = (events + replayed, aggregates + found);
            }

            replay.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            cpu.Add(Environment.CpuUsage.TotalTime.TotalSeconds - ownBefore);
            engines.Add(CpuSeconds(target.EnginesProcessId) - enginesBefore);
        }

        using var self = Process.GetCurrentProcess();
        return new Measurement
        {
            Events = events,
            Aggregates = aggregates,
            Raw = raw,
            Replay = replay,
            Cpu = cpu,
            EnginesCpu = engines,
            Phases = phases.Seconds,
            Allocated = (double)(GC.GetTotalAllocatedBytes() - allocated) / options.Rounds / events,
            PeakMegabytes = self.PeakWorkingSet64 >> 20,
            IdleMegabytes = idle >> 20,
        };
    }

    private static async Task<(long Events, int Aggregates)> ReplayAsync(
        MeasureTarget target, IFoldProjection projection, string tenantId, MeasureOptions options, PhaseTimes phases)
    {
        var connections = new ReplayConnections(directory: null)
        {
            ClickHouseUrl = target.ClickHouseUrl,
            RedisUrl = target.RedisUrl,
            DatabaseUrl = target.DatabaseUrl,
        };
        var defaults = new ReplayOptions();
        var request = new ReplayRequest
        {
            Projection = projection,
            TenantId = tenantId,
            Since = Since,
            Options = defaults with
            {
                Concurrency = options.Concurrency > 0 ? options.Concurrency : defaults.Concurrency,
                AggregateBatchSize = options.AggregateBatchSize > 0 ? options.AggregateBatchSize : null,
                Probe = phases.Note,
            },
        };
        var messages = new ReplayMessages();
        var listening = ListenAsync(messages);
        var plan = default(ReplayPlan);
        var engine = new ReplayEngine(connections);
        await using (var run = await engine.PrepareAsync(request, options.IsDryRun, messages, CancellationToken.None))
        {
            plan = run.Plan;
            if (!options.IsDryRun) await run.ExecuteAsync(PreviousRunAction.Refuse, CancellationToken.None);
        }

        messages.Complete();
        var processed = await listening;
        if (!options.IsDryRun && processed != plan.EventCount)
        {
            throw new InvalidOperationException($"{processed} of {plan.EventCount} events were replayed.");
        }

        return (plan.EventCount, plan.AggregateCount);
    }

    private static async Task<long> ListenAsync(ReplayMessages messages)
    {
        long processed = 0;
        await foreach (var message in messages.Reader.ReadAllAsync())
        {
            if (message is ReplayLogMessage { Entry.TotalEvents: { } total }) processed = total;
        }

        return processed;
    }

    private static async Task<double> ReadRawAsync(MeasureTarget target, ProjectionDefinition definition, string[] tenants)
    {
        var payload = definition.Columns.HasFlag(EventColumns.Payload) ? ", EventPayload" : "";
        var eventTypes = string.Join(", ", definition.EventTypes.Select(Literal));
        var aggregateTypes = string.Join(", ", definition.AggregateTypes.Select(Literal));
        var sql = $"""
            SELECT AggregateId, EventId, EventType, EventTimestamp, EventOccurredAt{payload}
            FROM event_log
            WHERE TenantId IN ({string.Join(", ", tenants.Select(Literal))}) AND EventType IN ({eventTypes})
              {(definition.AggregateTypes.Count > 0 ? $"AND AggregateType IN ({aggregateTypes})" : "")}
            ORDER BY TenantId, AggregateType, AggregateId, EventTimestamp, EventId
            FORMAT RowBinary
            """;

        using var client = new HttpClient();
        var started = Stopwatch.GetTimestamp();
        using var response = await QueryAsync(client, target, sql);
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[256 * 1024];
        while (await stream.ReadAsync(buffer) > 0)
        {
            // To nowhere.
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;

        // The tenant and the built-in types hold nothing that needs more.
        static string Literal(string text) => $"'{text}'";
    }

    private static async Task<HttpResponseMessage> QueryAsync(HttpClient client, MeasureTarget target, string sql)
    {
        var url = new Uri(target.ClickHouseUrl);
        using var content = new StringContent(sql);
        var address = $"http://{url.Host}:{url.Port}/?database={url.AbsolutePath.Trim('/')}";
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = content };
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.EnsureSuccessStatusCode();
    }

    /// <summary>
    /// Makes every round what a backfill is, a replay into a table that has nothing yet. The rows of earlier rounds would be
    /// merged meanwhile, during the raw reading too.
    /// </summary>
    private static async Task EmptyAsync(MeasureTarget target, ProjectionDefinition definition)
    {
        if (definition.Store == ProjectionStoreKind.Postgres)
        {
            await EmptyCountersAsync(target);
            return;
        }

        using var client = new HttpClient();
        using var response = await QueryAsync(client, target, $"TRUNCATE TABLE {definition.Table}");
    }

    private static async Task EmptyCountersAsync(MeasureTarget target)
    {
        var url = new Uri(target.DatabaseUrl);
        var user = url.UserInfo.Split(':');
        await using var postgres = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user[1],
            Database = url.AbsolutePath.Trim('/'),
        });
        await using var command = postgres.CreateCommand("""
            TRUNCATE "TenantDailyBillableEvents", "TenantDailyEventStats";
            DROP TABLE IF EXISTS projection_replay_ledger
            """);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Processor time of a process and of all that it started, and they: PostgreSQL has a process for each connection.</summary>
    private static double CpuSeconds(int processId)
    {
        // Field 4 is the parent; 14 to 17 are clock ticks of its own and of the children that it has seen end.
        var ticks = new Dictionary<int, (int Parent, long Ticks)>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var id)
                || ReadStat(directory) is not { } stat)
            {
                continue;
            }

            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            ticks[id] = (
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                fields[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture)));
        }

        return (double)Sum(processId) / TicksPerSecond;

        long Sum(int id) => ticks[id].Ticks + ticks.Where(other => other.Value.Parent == id).Sum(child => Sum(child.Key));
    }

    /// <summary>What Linux says of a process; null when it has just ended.</summary>
    private static string? ReadStat(string directory)
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, "stat"));
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>How long the batches were in each phase.</summary>
    private sealed class PhaseTimes
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<(int Batch, ReplayPhase Phase), long> _entered = [];

        public Dictionary<string, double> Seconds { get; } = new(StringComparer.Ordinal);

        public ValueTask Note(ReplayBoundary boundary, CancellationToken cancellationToken)
        {
            var now = Stopwatch.GetTimestamp();
            lock (_lock)
            {
                var at = (boundary.Batch, boundary.Phase);
                if (boundary.IsBefore)
                {
                    _entered[at] = now;
                }
                else
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(Seconds, boundary.Phase.ToString(), out _) +=
                        Stopwatch.GetElapsedTime(_entered[at], now).TotalSeconds;
                }
            }

            return ValueTask.CompletedTask;
        }
    }
}

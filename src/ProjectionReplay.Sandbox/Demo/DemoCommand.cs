using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Sandbox.Demo;

/// <summary>
/// <c>demo</c>: a newcomer's first look. Starts the engines, seeds events, and runs the module's own cmdlets against
/// them as a person would, then shows what was stored.
/// </summary>
internal static class DemoCommand
{
    private const string Tenant = "project_demo1";
    private const string Since = "2026-01-01";
    private const int Events = 30_000;

    /// <summary>Runs to its end by itself. Returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Length > 0) return Usage.Fail($"demo takes no options, but was given {arguments[0]}.");
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true;
            stop.Cancel();
        };
        try
        {
            Console.WriteLine("Starting ClickHouse, Redis and PostgreSQL on this machine ...");
            await using var host = await SandboxHost.StartAsync(new SandboxOptions(), stop.Token);
            await SeedAsync(host, stop.Token);
            using (var session = DemoSession.Open(Connections(host)))
            using (stop.Token.Register(session.Stop))
            {
                Replay(session);
            }

            await new DemoTables(host).ShowAsync(Tenant, stop.Token);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 1;
        }
        catch (Exception e) when (e is SandboxException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static async Task SeedAsync(SandboxHost host, CancellationToken cancellationToken)
    {
        using var seeder = new EventSeeder(host.ClickHouseUrl!);
        var seeded = await seeder.SeedAsync(new SeedOptions { Events = Events }, cancellationToken);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Seeded {seeded.Events:N0} events of {seeded.Aggregates:N0} aggregates: traces, evaluations and experiment runs of three tenants over two months."));
    }

    private static Dictionary<string, string> Connections(SandboxHost host) => new(StringComparer.Ordinal)
    {
        ["CLICKHOUSE_URL"] = host.ClickHouseUrl!,
        ["REDIS_URL"] = host.RedisUrl!,
        ["DATABASE_URL"] = host.DatabaseUrl!,
    };

    private static void Replay(DemoSession session)
    {
        session.Run("Get-ReplayProjection", "Name", "Pipeline", "Store", "Table", "ReplaySafety");
        session.Run(
            $"Invoke-ProjectionReplay evaluationState, tenantDailyBillableEvents {Tenant} {Since} -WhatIf",
            "Projection", "TenantId", "AggregateCount", "EventCount", "BatchCount");
        var started = Stopwatch.GetTimestamp();
        var log = session.Run(
            $"Invoke-ProjectionReplay evaluationState, tenantDailyBillableEvents {Tenant} {Since}",
            "Projection", "Step", "Batch", "Count", "EventsProcessed", "DurationMs", "Message");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Both replays took {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s. Their logs:"));
        foreach (var path in log.Select(entry => entry.Properties["LogPath"]?.Value as string).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            Console.WriteLine("  " + path);
        }
    }
}

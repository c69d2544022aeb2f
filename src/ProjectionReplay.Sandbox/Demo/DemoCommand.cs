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

        // The logs stay for the reader to look at, and the folder that the demo was started in stays as it is.
        var folder = Directory.CreateTempSubdirectory("projection-replay-demo-");
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
            using (var session = DemoSession.Open(folder.FullName, Connections(host)))
            using (stop.Token.Register(session.Stop))
            {
                Replay(session, folder);
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
            await Console.Error.WriteLineAsync(Screen.Wrap(e.Message));
            return 1;
        }
        finally
        {
            if (!folder.EnumerateFileSystemInfos().Any()) folder.Delete();
        }
    }

    private static async Task SeedAsync(SandboxHost host, CancellationToken cancellationToken)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Making up {Events:N0} events ..."));
        using var seeder = new EventSeeder(host.ClickHouseUrl!);
        var seeded = await seeder.SeedAsync(new SeedOptions { Events = Events }, cancellationToken);
        Console.WriteLine(Screen.Wrap(string.Create(
            CultureInfo.InvariantCulture,
            $"Seeded {seeded.Events:N0} events of {seeded.Aggregates:N0} aggregates: "
                + $"traces, evaluations and experiment runs of three tenants over two months.")));
    }

    private static Dictionary<string, string> Connections(SandboxHost host) => new(StringComparer.Ordinal)
    {
        ["CLICKHOUSE_URL"] = host.ClickHouseUrl!,
        ["REDIS_URL"] = host.RedisUrl!,
        ["DATABASE_URL"] = host.DatabaseUrl!,
    };

    private static void Replay(DemoSession session, DirectoryInfo folder)
    {
        session.Run("Get-ReplayProjection", "Name", "Pipeline", "Store", "ReplaySafety", "Table");

        // In two lines, as it is too long for one of a terminal with 80 columns.
        const string Command = $"""
            Invoke-ProjectionReplay evaluationState, tenantDailyBillableEvents `
                {Tenant} {Since}
            """;
        session.Run(
            Command + " -WhatIf",
            "Projection", new("Aggregates", "AggregateCount"), new("Events", "EventCount"), new("Batches", "BatchCount"), "TenantId");
        var started = Stopwatch.GetTimestamp();
        session.Run(
            Command,
            new("Replay", "Projection") { IsHeading = true },
            "Step",
            new("Count", "AggregatesReplayed", "Count"),
            new("Events", "TotalEvents", "EventsProcessed"),
            new("ms", "DurationMs"),
            "Message");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\nBoth replays took {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s. "
                + $"Their logs, one JSON object a line, are in\n  {folder.FullName}"));
        foreach (var log in folder.EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal))
            Console.WriteLine("    " + log);
    }
}

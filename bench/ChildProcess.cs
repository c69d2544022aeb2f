using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Projections;
using ProjectionReplay.Sandbox;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Bench;

/// <summary>Runs a part of a benchmark in a process of its own.</summary>
internal static class ChildProcess
{
    public const string Seed = "seed";
    public const string Measure = "measure";
    public const string Tenant = "project_bench";

    /// <summary>Inserts events into a sandbox.</summary>
    public static Task SeedAsync(SandboxProcess sandbox, long events, SeedMix mix) =>
        RunAsync(Seed, sandbox.ClickHouseUrl!, events.ToString(CultureInfo.InvariantCulture), mix.ToString());

    /// <summary>The child's part of it.</summary>
    public static async Task SeedAsync(string clickHouseUrl, long events, string mix)
    {
        using var seeder = new EventSeeder(clickHouseUrl);
        await seeder.SeedAsync(new SeedOptions { Events = events, Tenants = [Tenant], Mix = Enum.Parse<SeedMix>(mix) });
    }

    /// <summary>Measures a projection's replay of all that a sandbox holds.</summary>
    public static async Task<Measurement> MeasureAsync(SandboxProcess sandbox, string projection, MeasureOptions options)
    {
        var target = new MeasureTarget(sandbox.ClickHouseUrl!, sandbox.RedisUrl!, sandbox.DatabaseUrl!, sandbox.Id);
        var answer = await RunAsync(Measure, JsonSerializer.Serialize(target), projection, JsonSerializer.Serialize(options));
        return JsonSerializer.Deserialize<Measurement>(answer)!;
    }

    /// <summary>The child's part of it.</summary>
    public static async Task MeasureAsync(string target, string projection, string options)
    {
        var measured = await Measuring.RunAsync(
            JsonSerializer.Deserialize<MeasureTarget>(target)!,
            ProjectionCatalog.BuiltIn.Get(projection).Projection,
            JsonSerializer.Deserialize<MeasureOptions>(options)!);
        Console.WriteLine(JsonSerializer.Serialize(measured));
    }

    private static async Task<string> RunAsync(params string[] arguments)
    {
        // Not what this process was started as: under 'dotnet run' that is a program of its own, which takes no dll before its arguments.
        using var process = Process.Start(new ProcessStartInfo(DotNetHost.Path, [typeof(ChildProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;

        // Both at once: a child whose other pipe is full would wait for ever.
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{arguments[0]} ended with exit code {process.ExitCode}. It said:\n{await errors}");
    }
}

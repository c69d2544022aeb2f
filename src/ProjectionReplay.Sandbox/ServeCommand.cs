using System.Globalization;
using System.Runtime.InteropServices;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Sandbox;

/// <summary><c>serve</c>: starts the engines, prints their URLs and <c>ready</c>, and waits to be stopped.</summary>
internal static class ServeCommand
{
    /// <summary>Runs until SIGINT, SIGTERM or, if asked for, the end of standard input. Returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        ServeArguments serve;
        try
        {
            serve = ServeArguments.Parse(arguments);
        }
        catch (FormatException e)
        {
            return Usage.Fail(e.Message);
        }

        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true; // The end of the process waits for the engines.
            stop.Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        if (serve.ExitOnStdinClose)
            StopAtEndOfInput(stop);

        try
        {
            await using var host = await SandboxHost.StartAsync(serve.Options, stop.Token);
            await SeedAsync(host, serve.SeedEvents, stop.Token);
            Print("CLICKHOUSE_URL", host.ClickHouseUrl);
            Print("REDIS_URL", host.RedisUrl);
            Print("DATABASE_URL", host.DatabaseUrl);
            await Console.Out.WriteLineAsync("ready");
            await Console.Out.FlushAsync(CancellationToken.None);
            await Task.Delay(Timeout.Infinite, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Asked to stop: done.
        }
        catch (Exception e) when (e is SandboxException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync(Screen.Wrap(e.Message));
            return 1;
        }
        return 0;
    }

    private static async Task SeedAsync(SandboxHost host, int events, CancellationToken cancellationToken)
    {
        if (events == 0)
            return;
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"Making up {events:N0} events ..."));
        using var seeder = new EventSeeder(host.ClickHouseUrl!);
        var result = await seeder.SeedAsync(new SeedOptions { Events = events }, cancellationToken);
        await Console.Error.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"Seeded {result.Events:N0} events of {result.Aggregates:N0} aggregates."));
    }

    private static void Print(string name, string? url)
    {
        if (url is not null)
            Console.Out.WriteLine($"{name}={url}");
    }

    private static void StopAtEndOfInput(CancellationTokenSource stop) => new Thread(() =>
    {
        try
        {
            using var input = Console.OpenStandardInput();
            while (input.ReadByte() >= 0)
            {
                // What comes in means nothing; only its end does.
            }
            stop.Cancel();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process is ending anyway.
        }
    })
    { IsBackground = true, Name = "standard input" }.Start();
}

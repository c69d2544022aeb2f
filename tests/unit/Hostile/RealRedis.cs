using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>A redis-server of one test's own, for what the sandbox's Redis does not have: accounts and replicas.</summary>
internal sealed class RealRedis : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConnectionMultiplexer _admin;

    private RealRedis(Process process, ConnectionMultiplexer admin, int port) => (_process, _admin, Port) = (process, admin, port);

    public int Port { get; }

    /// <summary>Starts the server; skips the test where it is not installed.</summary>
    public static async Task<RealRedis> StartAsync()
    {
        var isInstalled = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "redis-server")));
        Assert.SkipUnless(isInstalled, "This takes a redis-server on the PATH, which this machine has not.");
        var port = FindPort();
        var number = port.ToString(CultureInfo.InvariantCulture);
        var process = Process.Start(new ProcessStartInfo("redis-server", ["--port", number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        var options = new ConfigurationOptions { AllowAdmin = true, AbortOnConnectFail = false, ConnectRetry = 20, ConnectTimeout = 5000 };
        options.EndPoints.Add(IPAddress.Loopback, port);
        var admin = await ConnectionMultiplexer.ConnectAsync(options);
        for (var started = Stopwatch.GetTimestamp(); !admin.IsConnected;)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20) && !process.HasExited, "redis-server should have started.");
            await Task.Delay(20);
        }

        return new RealRedis(process, admin, port);
    }

    /// <summary>Runs a command as the administrator.</summary>
    public Task<RedisResult> ExecuteAsync(string command, params object[] arguments) =>
        _admin.GetServer(_admin.GetEndPoints()[0]).ExecuteAsync(command, arguments);

    public async ValueTask DisposeAsync()
    {
        await _admin.DisposeAsync();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static int FindPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

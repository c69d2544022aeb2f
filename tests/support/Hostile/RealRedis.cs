using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>
/// A redis-server of one test's own, for what the sandbox's Redis does not have: accounts, replicas and slots.
/// </summary>
internal sealed class RealRedis : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConnectionMultiplexer _admin;
    private readonly DirectoryInfo _directory;

    private RealRedis(Process process, ConnectionMultiplexer admin, int port, DirectoryInfo directory) =>
        (_process, _admin, Port, _directory) = (process, admin, port, directory);

    public int Port { get; }

    /// <summary>The server's URL, for the account that needs no password.</summary>
    public string Url => string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{Port}");

    /// <summary>Its first database.</summary>
    public IDatabase Database => _admin.GetDatabase();

    /// <summary>Starts the server; skips the test where it is not installed.</summary>
    /// <param name="isCluster">Whether it is a cluster: of one node, but with all its restrictions.</param>
    /// <param name="arguments">More of the server's arguments.</param>
    public static async Task<RealRedis> StartAsync(bool isCluster = false, params string[] arguments)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var isInstalled = folders.Any(folder => File.Exists(Path.Combine(folder, "redis-server")));
        Assert.SkipUnless(isInstalled, "This takes a redis-server on the PATH, which this machine has not.");
        var port = FindPort();
        var directory = Directory.CreateTempSubdirectory("projection-replay-");
        string[] cluster = isCluster
            ? ["--cluster-enabled", "yes", "--cluster-port", Text(FindPort()), "--cluster-announce-ip", "127.0.0.1"]
            : [];
        var process = Process.Start(new ProcessStartInfo(
            "redis-server",
            [
                "--port", Text(port),
                "--bind", "127.0.0.1",
                "--save", "",
                "--appendonly", "no",
                "--dir", directory.FullName,
                .. cluster,
                .. arguments,
            ])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        await WaitUntilListeningAsync(process, port);
        var options = new ConfigurationOptions { AllowAdmin = true, ConnectTimeout = 60_000 };
        options.EndPoints.Add(IPAddress.Loopback, port);
        var admin = await ConnectionMultiplexer.ConnectAsync(options);
        var redis = new RealRedis(process, admin, port, directory);
        if (isCluster) await redis.TakeAllSlotsAsync();
        return redis;
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
        _directory.Delete(recursive: true);
    }

    /// <summary>A client that comes too early waits for seconds before it tries again.</summary>
    private static async Task WaitUntilListeningAsync(Process process, int port)
    {
        for (var started = Stopwatch.GetTimestamp(); ;)
        {
            using var socket = new TcpClient();
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                Assert.True(
                    Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(1) && !process.HasExited, "redis-server should have started.");
                await Task.Delay(10);
            }
        }
    }

    /// <summary>Without this the cluster is down.</summary>
    private async Task TakeAllSlotsAsync()
    {
        await ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        var started = Stopwatch.GetTimestamp();
        while (!(await ExecuteAsync("CLUSTER", "INFO")).ToString().Contains("cluster_state:ok", StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(2), "The cluster should have come up.");
            await Task.Delay(20);
        }

        await _admin.ConfigureAsync();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int FindPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

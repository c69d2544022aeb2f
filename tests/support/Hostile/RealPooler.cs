using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProjectionReplay.Configuration;

namespace ProjectionReplay.Hostile;

/// <summary>A PgBouncer of one test's own, before a Postgres: another server session for each transaction.</summary>
internal sealed class RealPooler : IAsyncDisposable
{
    private static readonly string[] Folders =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(folder => folder.Length > 0), "/usr/sbin"];

    private readonly DirectoryInfo _directory;
    private readonly Process _process;

    private RealPooler(DirectoryInfo directory, Process process, string url) => (_directory, _process, Url) = (directory, process, url);

    /// <summary>The URL that leads through the pooler.</summary>
    public string Url { get; }

    /// <summary>Starts one. Skips the test where PgBouncer is not installed.</summary>
    /// <param name="databaseUrl">The database.</param>
    /// <param name="query">What the URL through the pooler has behind its path.</param>
    public static async Task<RealPooler> StartAsync(string databaseUrl, string query)
    {
        var program = Folders.Select(folder => Path.Combine(folder, "pgbouncer")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "This takes PgBouncer, which this machine has not: install the package 'pgbouncer'.");
        var server = ServerUrl.Parse(databaseUrl, "DATABASE_URL", "postgres", "postgresql");
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var directory = Directory.CreateTempSubdirectory("projection-replay-");
        var users = Path.Combine(directory.FullName, "users.txt");
        await File.WriteAllTextAsync(users, $"\"{server.User}\" \"{server.Password}\"\n");
        var settings = Path.Combine(directory.FullName, "pgbouncer.ini");
        await File.WriteAllTextAsync(settings, string.Create(
            CultureInfo.InvariantCulture,
            $"""
            [databases]
            * = host={server.Host} port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = plain
            auth_file = {users}
            pool_mode = transaction
            default_pool_size = 3

            """));

        // It does not run as root.
        string[] command = Environment.IsPrivilegedProcess
            ? ["runuser", "-u", "nobody", "--", program!, settings]
            : [program!, settings];
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
            File.SetUnixFileMode(users, Everybody);
            File.SetUnixFileMode(settings, Everybody);
            File.SetUnixFileMode(directory.FullName, Everybody | UnixFileMode.UserExecute | UnixFileMode.OtherExecute);
        }

        var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var url = string.Create(
            CultureInfo.InvariantCulture, $"postgresql://{server.User}:{server.Password}@127.0.0.1:{port}/{server.Path}{query}");
        var pooler = new RealPooler(directory, process, url);
        await pooler.WaitAsync(port);
        return pooler;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _directory.Delete(recursive: true);
    }

    private async Task WaitAsync(int port)
    {
        for (var started = Stopwatch.GetTimestamp(); ; await Task.Delay(50))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                Assert.True(
                    Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(1) && !_process.HasExited, "PgBouncer should have started.");
            }
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using Npgsql;
using ProjectionReplay.Sandbox.Engines;

namespace ProjectionReplay.Sandbox.Postgres;

/// <summary>A PostgreSQL server of the sandbox's own: a child process on loopback with its own data folder.</summary>
internal sealed class PostgresEngine : IAsyncDisposable
{
    // Loopback, and a folder that only this machine's users see: the password is a formality.
    private const string User = "langwatch";
    private const string Password = "langwatch";

    private readonly PostgresProcess _process;

    private PostgresEngine(PostgresProcess process, int port) => (_process, Port) = (process, port);

    /// <summary>The loopback port in use.</summary>
    public int Port { get; }

    /// <summary>The URL of a database, as Node.js and Prisma write it.</summary>
    public string UrlOf(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"postgresql://{User}:{Password}@127.0.0.1:{Port}/{database}");

    /// <summary>Starts the server over <paramref name="data"/>, which is made when it is not there.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="port">The port; 0 takes a free one.</param>
    /// <param name="durable">Data must survive a crash of the machine: false is faster.</param>
    /// <param name="cancellationToken">Gives up and stops the server.</param>
    /// <exception cref="SandboxException">There are no binaries, or the server does not start.</exception>
    public static async Task<PostgresEngine> StartAsync(string data, int port, bool durable, CancellationToken cancellationToken)
    {
        var account = PostgresAccount.Choose();
        var binaries = await PostgresBinaries.FindAsync(account, data + "-programs", cancellationToken);
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
            await CreateAsync(binaries, data, account, cancellationToken);
        return await FreePort.StartOnAsync(port, chosen => StartOnceAsync(binaries, data, chosen, durable, account, cancellationToken));
    }

    /// <summary>Opens a connection; the caller disposes it.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string database, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Username = User,
            Password = Password,
            Database = database,
            Pooling = false,
            Timeout = 10,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task CreateAsync(string binaries, string data, PostgresAccount account, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(data);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var passwordFile = data + ".password";
        await File.WriteAllTextAsync(passwordFile, Password + "\n", cancellationToken);
        account.Own(data);
        account.Own(passwordFile);
        try
        {
            var (exitCode, output) = await CapturedProcess.RunAsync(
                account.Start(
                    Path.Combine(binaries, "initdb"), "--pgdata", data, "--username", User, "--pwfile", passwordFile,
                    "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
                cancellationToken);
            if (exitCode != 0)
                throw new SandboxException($"initdb failed with exit code {exitCode}:\n{output}");
        }
        finally
        {
            File.Delete(passwordFile);
        }
    }

    private static async Task<PostgresEngine> StartOnceAsync(
        string binaries, string data, int port, bool durable, PostgresAccount account, CancellationToken cancellationToken)
    {
        List<string> arguments =
        [
            "-D", data,
            "-c", "listen_addresses=127.0.0.1",
            "-c", string.Create(CultureInfo.InvariantCulture, $"port={port}"),
            "-c", "unix_socket_directories=",
            "-c", "shared_buffers=32MB",
            "-c", "log_min_messages=fatal",
        ];
        if (!durable)
            arguments.AddRange(["-c", "fsync=off", "-c", "full_page_writes=off"]);

        var process = new PostgresProcess(account.Start(Path.Combine(binaries, "postgres"), [.. arguments]));
        var engine = new PostgresEngine(process, port);
        try
        {
            await engine.WaitUntilReadyAsync(cancellationToken);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        var limit = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited)
                throw new SandboxException($"PostgreSQL did not start:\n{_process.Output}");
            try
            {
                await using var connection = await ConnectAsync("postgres", cancellationToken);
                return;
            }
            catch (NpgsqlException) when (limit.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
        }
    }
}

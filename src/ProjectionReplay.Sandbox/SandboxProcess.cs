using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ProjectionReplay.Sandbox;

/// <summary>
/// A sandbox in a process of its own, for tests and benchmarks: its memory is not theirs, it can
/// be killed, and it ends when they do.
/// </summary>
public sealed class SandboxProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Dictionary<string, string> _urls = new(StringComparer.Ordinal);
    private readonly StringBuilder _errors = new();

    private SandboxProcess(Process process) => _process = process;

    /// <summary>ClickHouse's URL, or null when it was not asked for.</summary>
    public string? ClickHouseUrl => _urls.GetValueOrDefault("CLICKHOUSE_URL");

    /// <summary>Redis's URL, or null when it was not asked for.</summary>
    public string? RedisUrl => _urls.GetValueOrDefault("REDIS_URL");

    /// <summary>PostgreSQL's URL, or null when it was not asked for.</summary>
    public string? DatabaseUrl => _urls.GetValueOrDefault("DATABASE_URL");

    /// <summary>The process's id.</summary>
    public int Id => _process.Id;

    /// <summary>The child itself, to watch its memory or to kill it.</summary>
    public Process Process => _process;

    /// <summary>What the child wrote to standard error so far.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString();
        }
    }

    /// <summary>Starts the process and waits until it is ready.</summary>
    /// <param name="options">What to start.</param>
    /// <param name="timeout">How long to wait; by default ten minutes, because the first start on a machine downloads the engines.</param>
    /// <param name="cancellationToken">Gives up and ends the process.</param>
    /// <exception cref="SandboxException">The child ended, or was not ready in time; the message holds what it said.</exception>
    public static Task<SandboxProcess> StartAsync(
        SandboxOptions? options = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        StartAsync([], options, timeout, cancellationToken);

    /// <summary>
    /// The same by another program, which takes a command line as its last arguments and runs it in its own place, as <c>env</c> does.
    /// </summary>
    internal static async Task<SandboxProcess> StartAsync(
        IReadOnlyList<string> launcher,
        SandboxOptions? options = null,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        var sandbox = new SandboxProcess(new Process { StartInfo = StartInfo(launcher, options ?? new SandboxOptions()) });
        sandbox._process.ErrorDataReceived += (_, line) => sandbox.Keep(line.Data);
        sandbox._process.Start();
        sandbox._process.BeginErrorReadLine();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout ?? TimeSpan.FromMinutes(10));
        try
        {
            await sandbox.ReadUntilReadyAsync(limit.Token);
            return sandbox;
        }
        catch (Exception e)
        {
            await sandbox.DisposeAsync();
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                throw new SandboxException($"The sandbox was not ready in time. It said:\n{sandbox.Errors}", e);
            throw;
        }
    }

    /// <summary>Ends the child by closing its standard input, and waits; after half a minute it is killed.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(s_patience);
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }
        _process.Dispose();
    }

    private static ProcessStartInfo StartInfo(IReadOnlyList<string> launcher, SandboxOptions options)
    {
        var command = new List<string>(launcher)
        {
            DotNetHost.Path, typeof(SandboxProcess).Assembly.Location, "serve", "--exit-on-stdin-close",
            "--engines", options.Engines.ToCommandLine(),
            "--clickhouse-port", options.ClickHousePort.ToString(CultureInfo.InvariantCulture),
            "--redis-port", options.RedisPort.ToString(CultureInfo.InvariantCulture),
            "--postgres-port", options.PostgresPort.ToString(CultureInfo.InvariantCulture),
        };
        if (options.DataDirectory is { } data)
            command.AddRange(["--data", data]);
        return new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
    }

    private async Task ReadUntilReadyAsync(CancellationToken cancellationToken)
    {
        while (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (string.Equals(line, "ready", StringComparison.Ordinal))
                return;
            if (line.Split('=', 2) is [var name, var value])
                _urls[name] = value;
        }

        await _process.WaitForExitAsync(cancellationToken);
        throw new SandboxException(string.Create(
            CultureInfo.InvariantCulture,
            $"The sandbox ended with exit code {_process.ExitCode} before it was ready. It said:\n{Errors}"));
    }

    private void Keep(string? line)
    {
        lock (_errors)
            _errors.AppendLine(line);
    }
}

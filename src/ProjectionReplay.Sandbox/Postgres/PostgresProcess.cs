using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace ProjectionReplay.Sandbox.Postgres;

/// <summary>The server's process, from start to a clean stop.</summary>
internal sealed partial class PostgresProcess : IAsyncDisposable
{
    private const int Interrupt = 2;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;

    /// <summary>Starts the process.</summary>
    /// <exception cref="SandboxException">It cannot be started.</exception>
    public PostgresProcess(ProcessStartInfo start)
    {
        start.UseShellExecute = false;
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        Start();
    }

    public bool HasExited => _exited.Task.IsCompleted;

    /// <summary>What the server said so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Asks the server to disconnect everyone and stop, and waits; after ten seconds it is killed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!HasExited)
        {
            if (OperatingSystem.IsWindows())
                _process.Kill(entireProcessTree: true);
            else
                _ = Send(_process.Id, Interrupt); // "Fast shutdown" in PostgreSQL's terms.
        }
        if (await Task.WhenAny(_exited.Task, Task.Delay(s_patience)) != _exited.Task)
        {
            _process.Kill(entireProcessTree: true);
            await _exited.Task;
        }
        _process.Dispose();
    }

    private void Start()
    {
        // Linux sends the parent-death signal when the thread that started the child ends, so that
        // thread stays until the child has gone.
        var started = new TaskCompletionSource();
        new Thread(() =>
        {
            try
            {
                _process.Start();
                started.SetResult();
            }
            catch (Exception e)
            {
                started.SetException(new SandboxException($"PostgreSQL could not be started: {e.Message}", e));
                return;
            }
            _process.StandardInput.Close();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
            _process.WaitForExit();
            _exited.SetResult();
        })
        { IsBackground = true, Name = "postgres" }.Start();
        started.Task.GetAwaiter().GetResult();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
            _output.AppendLine(line.Data);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}

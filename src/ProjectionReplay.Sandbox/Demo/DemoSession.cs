using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace ProjectionReplay.Sandbox.Demo;

/// <summary>
/// A PowerShell session inside this process, with the module imported: runs a command, shows its progress on the
/// console and its output as a table.
/// </summary>
internal sealed class DemoSession : IDisposable
{
    private readonly Runspace _runspace;
    private PowerShell? _running;
    private bool _isProgressShown;

    private DemoSession(Runspace runspace) => _runspace = runspace;

    /// <summary>Opens the session at the process's current directory.</summary>
    /// <param name="environment">Environment variables that the module is to see.</param>
    public static DemoSession Open(IReadOnlyDictionary<string, string> environment)
    {
        foreach (var (name, value) in environment) Environment.SetEnvironmentVariable(name, value);
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(FindManifest());
        state.ThrowOnRunspaceOpenError = true;
        var runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
        runspace.SessionStateProxy.Path.SetLocation(Environment.CurrentDirectory);
        return new DemoSession(runspace);
    }

    /// <summary>Runs a command and shows what it says and returns.</summary>
    /// <param name="command">The command, as one would type it.</param>
    /// <param name="columns">The properties to show.</param>
    /// <exception cref="SandboxException">The command failed.</exception>
    public IReadOnlyList<PSObject> Run(string command, params string[] columns)
    {
        Console.WriteLine($"\nPS> {command}\n");
        using var shell = PowerShell.Create(_runspace);
        _running = shell;
        shell.AddScript(command);
        shell.Streams.Progress.DataAdded += (_, e) => ShowProgress(shell.Streams.Progress[e.Index]);
        shell.Streams.Information.DataAdded += (_, e) => Console.WriteLine(shell.Streams.Information[e.Index]);
        shell.Streams.Warning.DataAdded += (_, e) => Console.WriteLine("WARNING: " + shell.Streams.Warning[e.Index]);
        try
        {
            var output = shell.Invoke();
            ClearProgress();
            ShowTable(output, columns);
            return shell.HadErrors && shell.Streams.Error.Count > 0 ? throw new SandboxException(shell.Streams.Error[0].ToString()) : output;
        }
        catch (RuntimeException e)
        {
            ClearProgress();
            throw e is PipelineStoppedException ? new OperationCanceledException(e.Message, e) : new SandboxException(e.Message, e);
        }
        finally
        {
            _running = null;
        }
    }

    /// <summary>Stops the command in hand, as Ctrl+C does.</summary>
    public void Stop() => _running?.Stop();

    public void Dispose() => _runspace.Dispose();

    /// <summary>The manifest stands at the root of the checkout that this program was built from.</summary>
    private static string FindManifest()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var manifest = Path.Combine(directory.FullName, "ProjectionReplay.psd1");
            if (File.Exists(manifest)) return manifest;
        }

        throw new SandboxException("ProjectionReplay.psd1 was not found above this program. Run the demo from a checkout, after 'dotnet build'.");
    }

    private void ShowProgress(ProgressRecord record)
    {
        if (Console.IsOutputRedirected || record.RecordType == ProgressRecordType.Completed || record.ParentActivityId >= 0) return;
        var filled = Math.Clamp(record.PercentComplete, 0, 100) / 4;
        var width = Math.Max(40, Console.WindowWidth - 1);
        var line = $"[{new string('#', filled)}{new string('.', 25 - filled)}] {record.Activity}: {record.StatusDescription}";
        Console.Write("\r" + (line.Length > width ? line[..width] : line.PadRight(width)));
        _isProgressShown = true;
    }

    private void ClearProgress()
    {
        if (!_isProgressShown) return;
        Console.Write("\r" + new string(' ', Math.Max(40, Console.WindowWidth - 1)) + "\r");
        _isProgressShown = false;
    }

    private static void ShowTable(IReadOnlyList<PSObject> rows, string[] columns)
    {
        var cells = rows.Select(row => columns.Select(column => Text(row.Properties[column]?.Value)).ToArray()).ToList();
        var widths = columns.Select((column, i) => cells.Select(row => row[i].Length).Append(column.Length).Max()).ToArray();
        foreach (var line in cells.Prepend([.. widths.Select(width => new string('-', width))]).Prepend(columns))
        {
            Console.WriteLine(string.Join("  ", line.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
        }
    }

    private static string Text(object? value) => value is PSObject { BaseObject: var inner } ? Text(inner) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}

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

    /// <summary>Opens the session.</summary>
    /// <param name="location">The folder that it is in: replays write their logs there.</param>
    /// <param name="environment">Environment variables that the module is to see.</param>
    public static DemoSession Open(string location, IReadOnlyDictionary<string, string> environment)
    {
        foreach (var (name, value) in environment) Environment.SetEnvironmentVariable(name, value);
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(FindManifest());
        state.ThrowOnRunspaceOpenError = true;
        var runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
        runspace.SessionStateProxy.Path.SetLocation(location);
        return new DemoSession(runspace);
    }

    /// <summary>Runs a command and shows what it says and returns.</summary>
    /// <param name="command">The command, as one would type it: a line that ends with a backtick goes on in the next one.</param>
    /// <param name="columns">What to show. Columns that a narrow terminal has no room for are left out, the last ones first.</param>
    /// <exception cref="SandboxException">The command failed.</exception>
    public IReadOnlyList<PSObject> Run(string command, params DemoColumn[] columns)
    {
        Console.WriteLine($"\nPS> {command.ReplaceLineEndings("\n>> ")}");
        using var shell = PowerShell.Create(_runspace);
        _running = shell;
        shell.AddScript(command);
        shell.Streams.Progress.DataAdded += (_, e) => ShowProgress(shell.Streams.Progress[e.Index]);
        shell.Streams.Information.DataAdded += (_, e) => Say(shell.Streams.Information[e.Index].ToString());
        shell.Streams.Warning.DataAdded += (_, e) => Say("WARNING: " + shell.Streams.Warning[e.Index]);
        try
        {
            var output = shell.Invoke();
            ClearProgress();
            ShowTables(output, columns);
            return shell.HadErrors && shell.Streams.Error.Count > 0
                ? throw new SandboxException(shell.Streams.Error[0].ToString())
                : output;
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

        throw new SandboxException(
            "ProjectionReplay.psd1 was not found above this program. Run the demo from a checkout, after 'dotnet build'.");
    }

    private void ShowProgress(ProgressRecord record)
    {
        if (Console.IsOutputRedirected || record.RecordType == ProgressRecordType.Completed || record.ParentActivityId >= 0) return;
        var filled = Math.Clamp(record.PercentComplete, 0, 100) / 4;
        var width = Screen.Width;
        var line = $"[{new string('#', filled)}{new string('.', 25 - filled)}] {record.Activity}: {record.StatusDescription}";
        Console.Write("\r" + (line.Length > width ? line[..width] : line.PadRight(width)));
        _isProgressShown = true;
    }

    private void ClearProgress()
    {
        if (!_isProgressShown) return;
        Console.Write("\r" + new string(' ', Screen.Width) + "\r");
        _isProgressShown = false;
    }

    private void Say(string text)
    {
        ClearProgress();
        Console.WriteLine(Screen.Wrap(text));
    }

    private static void ShowTables(IReadOnlyList<PSObject> rows, DemoColumn[] columns)
    {
        var group = Array.Find(columns, column => column.IsHeading);
        var shown = Array.FindAll(columns, column => !column.IsHeading);
        foreach (var rowsOfGroup in rows.GroupBy(row => group?.TextOf(row), StringComparer.Ordinal))
        {
            Console.WriteLine();
            if (rowsOfGroup.Key is { } heading) Console.WriteLine($"   {group!.Label}: {heading}\n");
            var cells = rowsOfGroup.Select(row => shown.Select(column => column.TextOf(row)).ToArray()).ToList();
            foreach (var line in TextTable.Lines([.. shown.Select(column => column.Label)], cells, Screen.Width)) Console.WriteLine(line);
        }
    }
}

/// <summary>A column of what a command returns.</summary>
/// <param name="Label">Its name.</param>
/// <param name="Properties">The properties that its cells are taken from: the first that has a value.</param>
internal sealed record DemoColumn(string Label, params string[] Properties)
{
    /// <summary>Stands above the rows that have it in common, and not in them.</summary>
    public bool IsHeading { get; init; }

    public static implicit operator DemoColumn(string property) => new(property, property);

    public string TextOf(PSObject row) =>
        Properties.Select(property => Text(row.Properties[property]?.Value)).FirstOrDefault(text => text.Length > 0, "");

    private static string Text(object? value) => value is PSObject { BaseObject: var inner }
        ? Text(inner)
        : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}

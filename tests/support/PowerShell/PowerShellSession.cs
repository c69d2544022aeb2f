using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace ProjectionReplay.Cmdlets;

/// <summary>
/// PowerShell in this process with the module imported, at a temporary location. Has PowerShell's core commands only:
/// none of Microsoft.PowerShell.Utility or .Management.
/// </summary>
internal sealed class PowerShellSession : IDisposable
{
    private readonly Runspace _runspace;

    public PowerShellSession(RecordingHost? host = null)
    {
        var state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.Bypass;
        state.ThrowOnRunspaceOpenError = true;
        state.ImportPSModule(RepositoryLayout.Manifest);
        _runspace = host is null ? RunspaceFactory.CreateRunspace(state) : RunspaceFactory.CreateRunspace(host, state);
        _runspace.Open();
        _runspace.SessionStateProxy.Path.SetLocation(Location.FullName);
    }

    /// <summary>The session's location.</summary>
    public DirectoryInfo Location { get; } = Directory.CreateTempSubdirectory("projection-replay-");

    /// <summary>Runs a script to its end. <paramref name="variables"/> are there as PowerShell variables.</summary>
    public ShellOutcome Run(string script, params (string Name, object? Value)[] variables)
    {
        using var shell = Prepare(script, variables);
        var output = shell.Invoke();
        return ShellOutcome.Of(shell, output, _runspace.SessionStateProxy.GetVariable("caught") as ErrorRecord);
    }

    /// <summary>Starts a script, waits for something to come true, and stops it as Ctrl+C would.</summary>
    public async Task<(ShellOutcome Outcome, TimeSpan Stopping)> RunAndStopAsync(
        string script, Func<PSDataCollection<PSObject>, bool> until, params (string Name, object? Value)[] variables)
    {
        using var shell = Prepare(script, variables);
        using var output = new PSDataCollection<PSObject>();
        var running = shell.BeginInvoke<PSObject, PSObject>(input: null, output);
        Assert.True(
            SpinWait.SpinUntil(() => until(output) || running.IsCompleted, TimeSpan.FromSeconds(60)) && !running.IsCompleted,
            "The script should have come to the point where it is stopped; it ended, or never got there.");

        var started = TimeProvider.System.GetTimestamp();
        await shell.StopAsync(callback: null, state: null);
        return (ShellOutcome.Of(shell, output, terminating: null), TimeProvider.System.GetElapsedTime(started));
    }

    public string PathOf(string name) => Path.Combine(Location.FullName, name);

    public void Dispose()
    {
        _runspace.Dispose();
        Location.Delete(recursive: true);
    }

    private PowerShell Prepare(string script, (string Name, object? Value)[] variables)
    {
        _runspace.SessionStateProxy.SetVariable("caught", null);
        foreach (var (name, value) in variables) _runspace.SessionStateProxy.SetVariable(name, value);
        var shell = PowerShell.Create(_runspace);

        // Only what terminates gets to the catch; the rest is in the error stream.
        shell.AddScript($$"""
            try {
            {{script}}
            } catch {
                $caught = $_
            }
            """);
        return shell;
    }
}

/// <summary>What a script came to.</summary>
internal sealed record ShellOutcome(
    IReadOnlyList<PSObject> Output,
    ErrorRecord? Terminating,
    IReadOnlyList<ErrorRecord> Errors,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    IReadOnlyList<ProgressRecord> Progress)
{
    /// <summary>What was written to the information stream.</summary>
    public IReadOnlyList<InformationRecord> Information { get; init; } = [];

    /// <summary>A property of every object that was written.</summary>
    public IReadOnlyList<object?> Values(string property) => [.. Output.Select(item => item.Properties[property]?.Value)];

    public ShellOutcome ShouldSucceed()
    {
        Assert.True(
            Terminating is null,
            $"The script should have succeeded but ended with: {Terminating?.FullyQualifiedErrorId}: {Terminating?.Exception}");
        Assert.True(Errors.Count == 0, $"The script should not have written errors, but did: {string.Join(Environment.NewLine, Errors)}");
        return this;
    }

    /// <summary>Checks that it ended with an error whose id starts with a name, and returns the message.</summary>
    public string ShouldFailWith(string errorId)
    {
        Assert.True(
            Terminating is not null,
            $"The script should have ended with {errorId}; it did not end with an error. "
                + $"Errors written: {string.Join(", ", Errors)}");
        Assert.StartsWith(errorId + ",", Terminating.FullyQualifiedErrorId, StringComparison.Ordinal);
        return Terminating.Exception.Message;
    }

    public static ShellOutcome Of(PowerShell shell, IEnumerable<PSObject> output, ErrorRecord? terminating) => new(
        [.. output],
        terminating,
        [.. shell.Streams.Error],
        [.. shell.Streams.Warning.Select(record => record.Message)],
        [.. shell.Streams.Verbose.Select(record => record.Message)],
        [.. shell.Streams.Progress])
    {
        Information = [.. shell.Streams.Information],
    };
}

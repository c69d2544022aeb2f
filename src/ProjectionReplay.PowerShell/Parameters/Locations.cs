using System.Management.Automation;
using System.Management.Automation.Runspaces;
using ProjectionReplay.Faults;
using Shell = System.Management.Automation.PowerShell;

namespace ProjectionReplay.PowerShell;

/// <summary>Where files are looked for and written to: PowerShell's location, never the process's directory.</summary>
internal static class Locations
{
    private const string FileSystem = "FileSystem";

    /// <summary>The folder that PowerShell is at in the file system, or was last, or null.</summary>
    public static string? FindDirectory(PSCmdlet cmdlet)
    {
        try
        {
            return cmdlet.SessionState.Path.CurrentFileSystemLocation.ProviderPath;
        }
        catch (RuntimeException)
        {
            // A session without any file system.
            return null;
        }
    }

    /// <summary>That folder of the session that this thread works for, when there is no cmdlet to ask: for completions.</summary>
    public static string? FindDirectory()
    {
        if (Runspace.DefaultRunspace is null) return null;
        try
        {
            using var shell = Shell.Create(RunspaceMode.CurrentRunspace);
            shell.AddScript("$ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath");
            return shell.Invoke<string>().FirstOrDefault();
        }
        catch (RuntimeException)
        {
            return null;
        }
    }

    /// <summary>The folder for the replay log.</summary>
    public static string ResolveLogDirectory(PSCmdlet cmdlet, string? given)
    {
        var location = cmdlet.SessionState.Path.CurrentLocation;
        if (given is null)
        {
            if (location.Provider.Name == FileSystem) return location.ProviderPath;
            Fail(cmdlet, Strings.LogDirectoryMissing.With(location.Path), location.Path);
        }

        var path = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(given, out var provider, out _);
        if (provider.Name != FileSystem)
        {
            Fail(cmdlet, Strings.PathNotFileSystem.With(given, provider.Name), given);
        }

        return TakeCompleted(path);
    }

    /// <summary>The full path of a file that need not be there, or null for none.</summary>
    /// <exception cref="ReplayException">It is not in the file system.</exception>
    public static string? ResolveFile(PSCmdlet cmdlet, string? given)
    {
        if (given is null) return null;
        var path = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(given, out var provider, out _);
        return provider.Name == FileSystem
            ? TakeCompleted(path)
            : throw new ReplayException(ReplayError.ModelPricesInvalid, Strings.PathNotFileSystem.With(given, provider.Name));
    }

    /// <summary>
    /// Takes a path for what it says, brackets and all; but where that is not there, for what Tab has made of it: pwsh
    /// escapes brackets when it completes names.
    /// </summary>
    public static string TakeCompleted(string path)
    {
        var unescaped = WildcardPattern.Unescape(path);
        return unescaped == path || Path.Exists(path) || (!Path.Exists(unescaped) && IsInFolder(path)) || !IsInFolder(unescaped)
            ? path
            : unescaped;

        static bool IsInFolder(string file) => Directory.Exists(Path.GetDirectoryName(file));
    }

    private static void Fail(PSCmdlet cmdlet, string message, object? target) => cmdlet.ThrowTerminatingError(
        new ErrorRecord(new PSInvalidOperationException(message), "LogDirectoryMissing", ErrorCategory.InvalidArgument, target));
}

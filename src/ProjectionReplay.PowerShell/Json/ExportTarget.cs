using System.Management.Automation;
using System.Text.Json;

namespace ProjectionReplay.PowerShell.Json;

/// <summary>Finds and opens the file that is exported to, and says in PowerShell's way why it cannot be.</summary>
internal static class ExportTarget
{
    /// <summary>Turns a PowerShell path into a file's path.</summary>
    public static string Resolve(PSCmdlet cmdlet, string path)
    {
        var file = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
        if (provider.Name != "FileSystem")
        {
            Fail(cmdlet, "PathNotFileSystem", ErrorCategory.InvalidArgument, path, Strings.PathNotFileSystem.With(path, provider.Name));
        }

        file = Locations.TakeCompleted(file);
        if (Directory.Exists(file))
        {
            Fail(cmdlet, "PathIsDirectory", ErrorCategory.InvalidArgument, file, Strings.PathIsDirectory.With(file));
        }

        var directory = Path.GetDirectoryName(file);
        if (!Directory.Exists(directory))
        {
            Fail(cmdlet, "DirectoryNotFound", ErrorCategory.ObjectNotFound, file, Strings.DirectoryNotFound.With(directory));
        }

        return file;
    }

    /// <summary>Opens the file.</summary>
    public static JsonFile? Open(PSCmdlet cmdlet, string path, ExportOptions options)
    {
        try
        {
            if (options.Force && File.Exists(path)) File.SetAttributes(path, File.GetAttributes(path) & ~FileAttributes.ReadOnly);
            return options.Append
                ? JsonFile.Append(path, options.Format, options.Depth)
                : JsonFile.Create(path, options.Format, options.Depth, isNew: options.NoClobber);
        }
        catch (IOException exception) when (options.NoClobber && File.Exists(path))
        {
            Fail(cmdlet, "FileExists", ErrorCategory.ResourceExists, path, Strings.FileExists.With(path), exception);
        }
        catch (JsonException exception)
        {
            Fail(cmdlet, "NotAJsonArray", ErrorCategory.InvalidData, path, Strings.NotAJsonArray.With(path), exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Fail(cmdlet, "OpenFailed", ErrorCategory.OpenError, path, exception.Message, exception);
        }

        return null;
    }

    private static void Fail(PSCmdlet cmdlet, string id, ErrorCategory category, string target, string message, Exception? inner = null) =>
        cmdlet.ThrowTerminatingError(new ErrorRecord(new IOException(message, inner), id, category, target));
}

/// <summary>How a file is opened and written.</summary>
internal sealed record ExportOptions(JsonFormat Format, int Depth, bool Append, bool NoClobber, bool Force);

using System.Diagnostics;
using System.Globalization;

namespace ProjectionReplay.Sandbox;

/// <summary>
/// Where the engines keep their files: a folder of the caller's, or a temporary one that is removed
/// at the end. Temporary folders carry their process's id, so that a later start removes what a killed one left.
/// </summary>
internal sealed class SandboxDirectory : IDisposable
{
    private const string Prefix = "projection-replay-sandbox-";

    private readonly string _path;

    private SandboxDirectory(string path, bool isTemporary) => (_path, IsTemporary) = (path, isTemporary);

    /// <summary>The folder goes when the sandbox does.</summary>
    public bool IsTemporary { get; }

    /// <summary>Opens the caller's folder, or creates a temporary one when <paramref name="path"/> is null.</summary>
    public static SandboxDirectory Open(string? path)
    {
        RemoveStale();
        if (path is not null)
            return new SandboxDirectory(Directory.CreateDirectory(Path.GetFullPath(path)).FullName, isTemporary: false);

        var temporary = Directory.CreateTempSubdirectory(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-"));

        // PostgreSQL may run as another user, who must get through to its own folder.
        if (!OperatingSystem.IsWindows())
            temporary.UnixFileMode |= UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return new SandboxDirectory(temporary.FullName, isTemporary: true);
    }

    /// <summary>The path of one engine's part.</summary>
    public string PathOf(string engine) => Path.Combine(_path, engine);

    public void Dispose()
    {
        if (IsTemporary)
            Remove(_path);
    }

    private static void RemoveStale()
    {
        foreach (var path in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            var id = Path.GetFileName(path)[Prefix.Length..].Split('-')[0];
            if (int.TryParse(id, CultureInfo.InvariantCulture, out var process) && !IsRunning(process))
                Remove(path);
        }
    }

    private static bool IsRunning(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another user's, or still being written to by an engine that is just ending: the next start tries again.
        }
    }
}

using System.Globalization;
using ProjectionReplay.Sandbox.Engines;

namespace ProjectionReplay.Sandbox.Postgres;

/// <summary>Finds <c>postgres</c> and <c>initdb</c>: the machine's own, else the ones from npm.</summary>
internal static class PostgresBinaries
{
    /// <summary>The folder that holds both programs.</summary>
    /// <exception cref="SandboxException">There are none, and none can be installed.</exception>
    public static async Task<string> FindAsync(CancellationToken cancellationToken) =>
        OnThisMachine() ?? Path.Combine(await EnginePackage.PostgresFolderAsync(cancellationToken), "bin");

    private static string? OnThisMachine()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return path.Concat(DebianFolders()).FirstOrDefault(IsComplete);
    }

    /// <summary>Debian keeps the server's programs off PATH, one folder per version; the newest first.</summary>
    private static IEnumerable<string> DebianFolders()
    {
        const string Root = "/usr/lib/postgresql";
        return Directory.Exists(Root)
            ? Directory.EnumerateDirectories(Root)
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0)
                .Select(folder => Path.Combine(folder, "bin"))
            : [];
    }

    private static bool IsComplete(string folder)
    {
        var suffix = OperatingSystem.IsWindows() ? ".exe" : "";
        return File.Exists(Path.Combine(folder, "postgres" + suffix)) && File.Exists(Path.Combine(folder, "initdb" + suffix));
    }
}

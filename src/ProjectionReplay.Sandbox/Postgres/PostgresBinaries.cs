using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Sandbox.Engines;

namespace ProjectionReplay.Sandbox.Postgres;

/// <summary>Finds <c>postgres</c> and <c>initdb</c>: the machine's own, else the ones from npm.</summary>
internal static class PostgresBinaries
{
    /// <summary>The folder that holds both programs.</summary>
    /// <param name="account">Who is to run them.</param>
    /// <param name="copy">Where a copy may go, for an account that cannot read this user's cache.</param>
    /// <param name="cancellationToken">Stops an installation.</param>
    /// <exception cref="SandboxException">There are none, and none can be installed.</exception>
    public static async Task<string> FindAsync(PostgresAccount account, string copy, CancellationToken cancellationToken)
    {
        if (OnThisMachine() is { } found)
            return found;
        var installed = await EnginePackage.PostgresFolderAsync(cancellationToken);
        if (account.IsOther && !Directory.Exists(copy))
        {
            var (exitCode, output) = await CapturedProcess.RunAsync(new ProcessStartInfo("cp", ["-a", installed, copy]), cancellationToken);
            if (exitCode != 0)
                throw new SandboxException($"PostgreSQL could not be copied for another user: {output}");
        }
        return Path.Combine(account.IsOther ? copy : installed, "bin");
    }

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
                .OrderByDescending(folder =>
                    int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0)
                .Select(folder => Path.Combine(folder, "bin"))
            : [];
    }

    private static bool IsComplete(string folder)
    {
        var suffix = OperatingSystem.IsWindows() ? ".exe" : "";
        return File.Exists(Path.Combine(folder, "postgres" + suffix)) && File.Exists(Path.Combine(folder, "initdb" + suffix));
    }
}

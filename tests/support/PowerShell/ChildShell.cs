using System.Diagnostics;

namespace ProjectionReplay.Cmdlets;

/// <summary>PowerShell in a process of its own, with the module imported.</summary>
internal static class ChildShell
{
    private static readonly string[] OwnVariables = ["CLICKHOUSE_URL", "REDIS_URL", "DATABASE_URL", "PROJECTION_REPLAY_PATH"];

    /// <summary>Runs a script, and returns the lines that it wrote.</summary>
    /// <param name="script">The script.</param>
    /// <param name="environment">Variables to set; the module's own are unset otherwise.</param>
    public static async Task<IReadOnlyList<string>> RunAsync(string script, params (string Name, string Value)[] environment)
    {
        var directory = Directory.CreateTempSubdirectory("projection-replay-");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [RepositoryLayout.TestShell])
        {
            WorkingDirectory = directory.FullName,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var name in OwnVariables) start.Environment.Remove(name);
        foreach (var (name, value) in environment) start.Environment[name] = value;

        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync($"Import-Module '{RepositoryLayout.Manifest}' -ErrorAction Stop\n{script}");
        process.StandardInput.Close();
        var lines = (await process.StandardOutput.ReadToEndAsync())
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        await process.WaitForExitAsync();
        directory.Delete(recursive: true);
        return lines;
    }
}

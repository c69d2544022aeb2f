using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>Replays in a process of their own that is killed: kill -9, not an exception.</summary>
internal static class ChildReplay
{
    /// <summary>128 + SIGKILL; on Windows a killed process has another code.</summary>
    private static readonly int KilledExitCode = OperatingSystem.IsWindows() ? -1 : 137;

    /// <summary>Replays all subjects at once, until the process kills itself when each of them is at a boundary.</summary>
    public static async Task KillAtAsync(TestServers servers, ReplayBoundary boundary, IReadOnlyCollection<FaultSubject> subjects)
    {
        var side = boundary.IsBefore ? "before" : "after";
        var (exitCode, output) = await RunAsync(
            servers, subjects, PreviousRunAction.Refuse, "REPLAY_KILL_AT", string.Create(CultureInfo.InvariantCulture, $"{boundary.Batch}:{boundary.Phase}:{side}"));
        Assert.True(exitCode == KilledExitCode, $"The child should have been killed at {boundary}, but ended with {exitCode}:\n{output}");
    }

    /// <summary>
    /// Replays all subjects at once, until the process kills itself or until all are done, if that comes sooner.
    /// Returns whether it was killed.
    /// </summary>
    public static async Task<bool> KillAfterAsync(
        TestServers servers, double milliseconds, IReadOnlyCollection<FaultSubject> subjects, PreviousRunAction previousRun)
    {
        var (exitCode, output) = await RunAsync(
            servers, subjects, previousRun, "REPLAY_KILL_AFTER", milliseconds.ToString(CultureInfo.InvariantCulture));
        Assert.True(exitCode == KilledExitCode || exitCode == 0, $"The child should have been killed or have succeeded, but ended with {exitCode}:\n{output}");
        return exitCode == KilledExitCode;
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(
        TestServers servers, IEnumerable<FaultSubject> subjects, PreviousRunAction previousRun, string killVariable, string kill)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [
                RepositoryLayout.TestReplayer,
                .. subjects.SelectMany(subject => (string[])
                    [subject.Name, subject.Tenant.Id, subject.AggregateBatchSize.ToString(CultureInfo.InvariantCulture), previousRun.ToString()]),
            ])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment =
            {
                ["CLICKHOUSE_URL"] = servers.ClickHouseUrl,
                ["REDIS_URL"] = servers.RedisUrl,
                ["DATABASE_URL"] = servers.DatabaseUrl,
                [killVariable] = kill,
            },
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}

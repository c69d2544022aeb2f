using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;
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
            servers,
            subjects,
            PreviousRunAction.Refuse,
            "REPLAY_KILL_AT",
            string.Create(CultureInfo.InvariantCulture, $"{boundary.Batch}:{boundary.Phase}:{side}"));
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
        Assert.True(
            exitCode == KilledExitCode || exitCode == 0,
            $"The child should have been killed or have succeeded, but ended with {exitCode}:\n{output}");
        return exitCode == KilledExitCode;
    }

    /// <summary>
    /// Replays, until the process kills itself or until all is done. Returns whether it was killed.
    /// </summary>
    /// <param name="servers">The servers.</param>
    /// <param name="milliseconds">How long after the replay began.</param>
    /// <param name="projection">The projection's name.</param>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="aggregateBatchSize">The aggregates of a batch.</param>
    /// <param name="action">What to do about an interrupted run, or Rebuild.</param>
    public static async Task<bool> KillAfterAsync(
        TestServers servers, double milliseconds, string projection, string tenantId, int aggregateBatchSize, string action)
    {
        string[] arguments = [projection, tenantId, aggregateBatchSize.ToString(CultureInfo.InvariantCulture), action];
        var (exitCode, output) = await RunAsync(
            servers, arguments, ("REPLAY_KILL_AFTER", milliseconds.ToString(CultureInfo.InvariantCulture)));
        Assert.True(
            exitCode == KilledExitCode || exitCode == 0,
            $"The child should have been killed or have succeeded, but ended with {exitCode}:\n{output}");
        return exitCode == KilledExitCode;
    }

    /// <summary>Replays one shard of all subjects, until the process kills itself when each of them is at a boundary.</summary>
    public static async Task KillShardAtAsync(
        TestServers servers, ReplayShard shard, ReplayBoundary boundary, IReadOnlyCollection<FaultSubject> subjects)
    {
        var side = boundary.IsBefore ? "before" : "after";
        var (exitCode, output) = await RunAsync(
            servers,
            Arguments(subjects, PreviousRunAction.Refuse),
            ("REPLAY_SHARD", shard.ToString()),
            ("REPLAY_KILL_AT", string.Create(CultureInfo.InvariantCulture, $"{boundary.Batch}:{boundary.Phase}:{side}")));
        Assert.True(
            exitCode == KilledExitCode,
            $"Shard {shard} should have been killed at {boundary}, but ended with {exitCode}:\n{output}");
    }

    /// <summary>Replays shards of all subjects to their end, each shard in a process of its own, all at once.</summary>
    public static Task RunShardsAsync(
        TestServers servers,
        IEnumerable<ReplayShard> shards,
        IReadOnlyCollection<FaultSubject> subjects,
        PreviousRunAction previousRun = PreviousRunAction.Refuse) =>
        Task.WhenAll(shards.Select(async shard =>
        {
            var (exitCode, output) = await RunAsync(servers, Arguments(subjects, previousRun), ("REPLAY_SHARD", shard.ToString()));
            Assert.True(exitCode == 0, $"Shard {shard} should have succeeded, but ended with {exitCode}:\n{output}");
        }));

    /// <summary>Replays a projection to its end, in a process whose thread pool may have so many threads and no more.</summary>
    public static async Task RunOnThreadsAsync(TestServers servers, int threads, int concurrency, string projection, string tenantId)
    {
        string[] arguments = [projection, tenantId, "100000", nameof(PreviousRunAction.Refuse)];
        var (exitCode, output) = await RunAsync(
            servers,
            arguments,
            ("DOTNET_ThreadPool_ForceMaxWorkerThreads", threads.ToString("X", CultureInfo.InvariantCulture)),
            ("REPLAY_CONCURRENCY", concurrency.ToString(CultureInfo.InvariantCulture)));
        Assert.True(exitCode == 0, $"The replay should have succeeded, but ended with {exitCode}:\n{output}");
    }

    private static Task<(int ExitCode, string Output)> RunAsync(
        TestServers servers, IEnumerable<FaultSubject> subjects, PreviousRunAction previousRun, string killVariable, string kill) =>
        RunAsync(servers, Arguments(subjects, previousRun), (killVariable, kill));

    private static IEnumerable<string> Arguments(IEnumerable<FaultSubject> subjects, PreviousRunAction previousRun) =>
        subjects.SelectMany(subject => (string[])
            [subject.Name, subject.Tenant.Id, subject.AggregateBatchSize.ToString(CultureInfo.InvariantCulture), previousRun.ToString()]);

    private static async Task<(int ExitCode, string Output)> RunAsync(
        TestServers servers, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [RepositoryLayout.TestReplayer, .. arguments])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment =
            {
                ["CLICKHOUSE_URL"] = servers.ClickHouseUrl,
                ["REDIS_URL"] = servers.RedisUrl,
                ["DATABASE_URL"] = servers.DatabaseUrl,
            },
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}

using System.Diagnostics;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>A disk that is full costs the log and nothing else.</summary>
public sealed class FullDiskTests(TestServers servers) : IClassFixture<TestServers>
{
    [Fact]
    public async Task A_full_disk_is_warned_of_once_and_the_replay_goes_on()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A file system of a few kilobytes is mounted as on Linux.");
        var directory = Directory.CreateTempSubdirectory("full-disk-");
        var isMounted = await RunAsync("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", directory.FullName);
        try
        {
            Assert.SkipUnless(isMounted, "Mounting a file system takes root's rights.");
            var tenant = await new TestTenant(servers).AddEvaluations(30).AppendAsync();

            var outcome = await ReplayOutcome.RunAsync(
                servers,
                new EvaluationStateProjection(),
                tenant,
                new ReplayOptions { AggregateBatchSize = 1, LogDirectory = directory.FullName });

            outcome.ShouldSucceed();
            Assert.Contains("cannot be written any more", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
            Assert.Equal(30, (await tenant.EvaluationsAsync()).Count);
            Assert.Equal(30, outcome.Entries.Count(entry => entry.Step == "unmark-batch"));
            Assert.Empty(await tenant.MarkersAsync("evaluationState"));
            Assert.NotEqual(0, Assert.Single(directory.GetFiles()).Length);
        }
        finally
        {
            if (isMounted) await RunAsync("umount", directory.FullName);
            directory.Delete(recursive: true);
        }
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode == 0;
    }
}

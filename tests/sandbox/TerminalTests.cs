using System.Text.RegularExpressions;
using ProjectionReplay.Cmdlets;

namespace ProjectionReplay.Sandbox.Tests;

/// <summary>The first screens that a newcomer sees, at a terminal of 80 columns.</summary>
/// <remarks>The fixture has installed the engines, if they were not: that takes longer than the terminal has patience.</remarks>
public sealed partial class TerminalTests : IClassFixture<RunningSandbox>
{
    [Fact]
    public async Task The_demo_fits_the_screen_and_leaves_nothing_behind()
    {
        await using var terminal = await RunAsync("demo");
        var exitCode = await terminal.WaitForEndAsync();
        var shown = await terminal.HistoryAsync();
        Assert.True(exitCode == 0, shown);
        await CheckAsync(terminal, shown);

        // The tables are whole: of the last lines of each, all the columns.
        Assert.Matches("(?m)^Name +Pipeline +Store +ReplaySafety$", shown);
        Assert.Matches("(?m)^traceSummary +trace_processing +ClickHouse +LatestRow$", shown);
        Assert.Matches("(?m)^Projection +Aggregates +Events +Batches +TenantId$", shown);
        Assert.Matches(@"(?m)^tenantDailyBillableEvents +\d+ +\d+ +1 +project_demo1$", shown);
        Assert.Equal(2, Regex.Count(shown, "(?m)^Step +Count +Events +ms +Message$", RegexOptions.None, TimeSpan.FromSeconds(1)));
        Assert.Equal(2, Regex.Count(
            shown,
            @"(?m)^complete +\d+ +\d+ +Replayed [\d,]+ aggregates, [\d,]+ events\.$",
            RegexOptions.None,
            TimeSpan.FromSeconds(1)));
        Assert.Equal(5, Regex.Count(shown, @"(?m)^│ evaluation_\w+ +│ \w+ +│ +\S+ │ +\S+ │$", RegexOptions.None, TimeSpan.FromSeconds(1)));
        Assert.Equal(5, Regex.Count(shown, @"(?m)^  2026-01-\d\d +\d+ events$", RegexOptions.None, TimeSpan.FromSeconds(1)));

        // The logs are where it says.
        var folder = new DirectoryInfo(LogFolder().Match(shown).Groups["path"].Value);
        try
        {
            Assert.Equal(
                ["evaluationState", "tenantDailyBillableEvents"],
                folder.EnumerateFiles("projection-replay-*.jsonl").Select(log => log.Name.Split('-')[2]).Order(StringComparer.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Serve_with_events_says_nothing_but_what_matters_and_ends_with_Ctrl_C()
    {
        await using var terminal = await RunAsync("serve", "--seed", "100000");
        await terminal.WaitForAsync(screen => screen.Split('\n').Contains("ready", StringComparer.Ordinal), "'ready'");
        await terminal.PressAsync("C-c");
        var exitCode = await terminal.WaitForEndAsync();
        var shown = await terminal.HistoryAsync();
        Assert.True(exitCode == 0, shown);
        await CheckAsync(terminal, shown);
        Assert.Matches("(?m)^CLICKHOUSE_URL=http://[^ ]+$", shown);
        Assert.Matches("(?m)^DATABASE_URL=postgresql://[^ ]+$", shown);
    }

    private static Task<Terminal> RunAsync(params string[] arguments) =>
        Terminal.RunAsync(Terminal.UsualColumns, [DotNetHost.Path, typeof(SandboxProcess).Assembly.Location, .. arguments]);

    private static async Task CheckAsync(Terminal terminal, string shown)
    {
        Assert.DoesNotContain("<Fatal>", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("ThreadStatus", shown, StringComparison.Ordinal);
        Assert.Empty(await terminal.BrokenLinesAsync());
        Assert.Empty(terminal.Location.EnumerateFileSystemInfos());
    }

    [GeneratedRegex(
        @"^  (?<path>/\S*projection-replay-demo-\S+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex LogFolder();
}

using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>The module as a person at a terminal has it: a real pwsh, with its line editor, its progress and its prompts.</summary>
public sealed class TerminalTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "evaluationState";

    [Fact]
    public async Task Session_from_the_first_Tab_to_the_resumed_run()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();
        await using var terminal = await OpenAsync();

        // The projection, the tenant and the date are completed.
        await terminal.TypeAsync("Invoke-ProjectionReplay eval");
        await terminal.CompleteAsync("Invoke-ProjectionReplay evaluationState");
        await terminal.TypeAsync($" {tenant.Id[..20]}");
        await terminal.CompleteAsync($"Invoke-ProjectionReplay evaluationState {tenant.Id}");
        await terminal.TypeAsync(" first");
        await terminal.CompleteAsync("2026-01-10 first event");
        for (var i = 0; i < " first".Length; i++) await terminal.PressAsync("BSpace");

        // The third batch waits for a live job; the bars say so.
        var active = await HoldUpAsync(tenant, TestTenant.EvaluationId(4));
        await terminal.TypeAsync(" 2026-01-01 -AggregateBatchSize 2");
        await terminal.PressAsync("Enter");
        var bars = await terminal.WaitForAsync("Batch 3 of 3 [Phase 3 of 8: Drain");
        Assert.Contains($"{Projection} for {tenant.Id} [", bars, StringComparison.Ordinal);
        Assert.Contains("4 of 6 aggregates, 18 events", bars, StringComparison.Ordinal);
        Assert.Matches("unmark-batch +2/3 +2", bars);

        // Ctrl+C gives the prompt back, and takes the bars away.
        var pressed = TimeProvider.System.GetTimestamp();
        await terminal.PressAsync("C-c");
        var screen = await terminal.WaitForPromptAsync();
        var stopping = TimeProvider.System.GetElapsedTime(pressed);
        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), stopping);
        Assert.DoesNotContain("Phase", screen, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync(Projection));
        Assert.Equal(4, (await tenant.CompletedAsync(Projection)).Count);

        // The next run asks, and R goes on with what is left.
        await servers.Redis.KeyDeleteAsync(active);
        await terminal.StartAsync(Replay(tenant));
        var question = await terminal.WaitForAsync("(default is \"R\")");
        Assert.Contains("An earlier replay was interrupted", question, StringComparison.Ordinal);
        Assert.Contains(
            $"The last replay of projection '{Projection}' for tenant '{tenant.Id}' did not end. "
                + "It completed 4 aggregates, and left none marked. What now?",
            question,
            StringComparison.Ordinal);
        Assert.Contains("[R] Resume  [S] Restart  [U] Clean up and stop  [C] Cancel  [?] Help", question, StringComparison.Ordinal);
        await terminal.TypeAsync("R");
        await terminal.PressAsync("Enter");
        Assert.Matches("complete +2 +6 ", await terminal.WaitForPromptAsync());
        Assert.Empty(await tenant.CompletedAsync(Projection));
        Assert.Equal(6, (await tenant.EvaluationsAsync()).Count);
    }

    [Fact]
    public async Task Each_answer_does_what_it_says()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        await InterruptAsync(tenant);
        await using var terminal = await OpenAsync();

        await AnswerAsync("?");
        Assert.Contains(
            "R - Go on where it left off", await terminal.WaitForAsync("C - Leave everything as it is"), StringComparison.Ordinal);

        await terminal.TypeAsync("C");
        await terminal.PressAsync("Enter");
        await terminal.WaitForPromptAsync();
        Assert.Equal((1, 1), await LeftAsync());

        await AnswerAsync("U");
        Assert.Contains(
            "removed 1 markers and the record of 1 completed aggregates. Nothing was replayed.",
            await terminal.WaitForPromptAsync(),
            StringComparison.Ordinal);
        Assert.Equal((0, 0), await LeftAsync());
        Assert.Empty(await tenant.EvaluationsAsync());

        await InterruptAsync(tenant);
        await AnswerAsync("S");
        Assert.Matches("complete +3 +9 ", await terminal.WaitForPromptAsync());
        Assert.Equal((0, 0), await LeftAsync());

        async Task AnswerAsync(string answer)
        {
            await terminal.StartAsync(Replay(tenant));
            await terminal.WaitForAsync("(default is \"R\")");
            await terminal.TypeAsync(answer);
            await terminal.PressAsync("Enter");
        }

        async Task<(int Markers, int Completed)> LeftAsync() =>
            ((await tenant.MarkersAsync(Projection)).Count, (await tenant.CompletedAsync(Projection)).Count);
    }

    [Fact]
    public async Task An_error_is_red_and_one_that_nobody_sees_in_colour_is_not()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        tenant.AddRaw("evaluation", "e9999", "lw.evaluation.completed", TestTenant.Start, "this is no JSON");
        await tenant.AppendAsync();
        await using var terminal = await OpenAsync();
        await File.WriteAllTextAsync(
            Path.Combine(terminal.Location.FullName, "fail.ps1"),
            $$"""
            Import-Module '{{RepositoryLayout.Manifest}}'
            try { {{Replay(tenant)}} -OutVariable entries | Out-Null } catch { }
            $entries[-1] | Format-Table
            """,
            TestContext.Current.CancellationToken);

        await terminal.StartAsync("./fail.ps1");
        await terminal.WaitForAsync("was abandoned");
        Assert.Matches(@"\e\[1m\e\[31m *error", await terminal.CaptureInColourAsync());

        await terminal.StartAsync("env NO_COLOR=1 pwsh -NoProfile -File fail.ps1");
        await terminal.WaitForAsync("was abandoned");
        Assert.DoesNotMatch(@"\e\[31m *error", await terminal.CaptureInColourAsync());

        await terminal.StartAsync("pwsh -NoProfile -File fail.ps1 > plain.txt");
        await terminal.WaitForPromptAsync();
        var plain = await File.ReadAllTextAsync(
            Path.Combine(terminal.Location.FullName, "plain.txt"), TestContext.Current.CancellationToken);
        Assert.Matches(@"(?m)^\d\d:\d\d:\d\d error +1/1", plain);
    }

    [Fact]
    public async Task A_terminal_of_the_usual_width_has_room_for_all_of_it()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(6).AppendAsync();
        var active = await HoldUpAsync(tenant, TestTenant.EvaluationId(4));
        await using var terminal = await Terminal.OpenAsync(Terminal.UsualColumns, Connections);

        // In a script, as the command line itself would be too long.
        await File.WriteAllTextAsync(
            Path.Combine(terminal.Location.FullName, "run.ps1"),
            $"Import-Module '{RepositoryLayout.Manifest}'\n{Replay(tenant)} -AggregateBatchSize 2",
            TestContext.Current.CancellationToken);
        await terminal.StartAsync("./run.ps1");
        var bars = await terminal.WaitForAsync("Batch 3 of 3");
        Assert.Contains($"{Projection} for ", bars, StringComparison.Ordinal);
        Assert.Empty(await terminal.BrokenLinesAsync());

        await servers.Redis.KeyDeleteAsync(active);
        Assert.Matches("complete +6 +18 ", await terminal.WaitForPromptAsync());
        var shown = await terminal.HistoryAsync();
        Assert.Matches("(?m)^UTC +Step +Batch +Count +Events +ms +Message$", shown);
        Assert.DoesNotContain("<Fatal>", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("ThreadStatus", shown, StringComparison.Ordinal);
        Assert.Empty(await terminal.BrokenLinesAsync());
    }

    private static string Replay(TestTenant tenant) => $"Invoke-ProjectionReplay evaluationState {tenant.Id} 2026-01-01";

    private (string Name, string Value)[] Connections => [("CLICKHOUSE_URL", servers.ClickHouseUrl), ("REDIS_URL", servers.RedisUrl)];

    private async Task<Terminal> OpenAsync()
    {
        var terminal = await Terminal.OpenAsync(Connections);
        await terminal.StartAsync($"Import-Module '{RepositoryLayout.Manifest}'");
        await terminal.WaitForPromptAsync();
        return terminal;
    }

    /// <summary>What a run leaves that was killed when it had completed one aggregate and marked another.</summary>
    private async Task InterruptAsync(TestTenant tenant)
    {
        await servers.Redis.SetAddAsync($"projection-replay:completed:{Projection}", tenant.AggregateKey(TestTenant.EvaluationId(0)));
        await servers.Redis.HashSetAsync(
            $"projection-replay:cutoff:{Projection}", tenant.AggregateKey(TestTenant.EvaluationId(1)), "pending");
    }

    /// <summary>Has a live job at work on an evaluation, so that a run waits for it.</summary>
    private async Task<string> HoldUpAsync(TestTenant tenant, string evaluationId)
    {
        var key = $"{{evaluation_processing/projection/evaluationState}}:gq:group:{tenant.AggregateKey(evaluationId)}:active";
        await servers.Redis.StringSetAsync(key, "job-1");
        return key;
    }
}

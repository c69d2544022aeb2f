using System.Text.Json;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Logging;

/// <summary>The replay log: its name and its lines are a contract with those who tail it.</summary>
public sealed class ReplayLogTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("replay-log-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Each_step_is_a_line_with_the_fields_of_its_kind()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(
            servers, new EvaluationStateProjection(), tenant, Options with { AggregateBatchSize = 1_000, Concurrency = 3 });

        var log = Assert.Single(_directory.GetFiles());
        Assert.Matches(@"^projection-replay-evaluationState-\d{8}-\d{6}\.jsonl$", log.Name);
        Assert.All(outcome.ShouldSucceed().Entries, entry => Assert.Equal(log.FullName, entry.LogPath));
        var lines = Read(log);
        Assert.Equal(
            [
                "start: projection since args", "discover: aggregateCount tenantCount", "mark-batch: tenant count",
                "drain-batch: tenant count durationMs", "cutoff-batch: tenant count withEvents",
                "replay-batch: tenant count eventsProcessed durationMs", "unmark-batch: tenant count",
                "complete: aggregatesReplayed totalEvents durationSec planned setAside born gone",
            ],
            lines.Select(
                line => $"{line.GetProperty("step")}: {string.Join(' ', line.EnumerateObject().Skip(2).Select(field => field.Name))}"));
        Assert.All(lines, line => Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line.GetProperty("ts").GetString()));
        Assert.Equal("2026-01-01T00:00:00.000Z", lines[0].GetProperty("since").GetString());
        Assert.Equal(
            """{"batchSize":5000,"aggregateBatchSize":1000,"concurrency":3,"dryRun":false}""", lines[0].GetProperty("args").GetRawText());
        Assert.Equal(tenant.Id, lines[2].GetProperty("tenant").GetString());
        Assert.Equal(6, lines[^1].GetProperty("totalEvents").GetInt32());
    }

    [Fact]
    public async Task A_failure_is_a_line_that_names_the_batch()
    {
        var tenant = new TestTenant(servers).AddEvaluations(1);
        tenant.AddRaw("evaluation", "e0000", "lw.evaluation.completed", TestTenant.Start.AddHours(1), "{");
        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant, Options))
            .ShouldFailWith(ReplayError.InvalidEventPayload);

        var last = Read(Assert.Single(_directory.GetFiles()))[^1];
        Assert.Equal(["ts", "step", "tenant", "aggregate", "error"], last.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("error", "batch 1"), (last.GetProperty("step").GetString(), last.GetProperty("aggregate").GetString()));
    }

    [Fact]
    public async Task Each_line_is_on_disk_before_the_next_step_begins()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        string[]? seen = null;

        await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant, Options with
        {
            Probe = (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Cutoff, IsBefore: true })
                    seen = [.. Read(_directory.GetFiles()[0]).Select(line => line.GetProperty("step").GetString()!)];
                return ValueTask.CompletedTask;
            },
        });

        Assert.Equal(["start", "discover", "mark-batch", "drain-batch"], seen!);
    }

    [Fact]
    public async Task Steps_of_batches_that_are_in_hand_at_once_are_told_one_after_the_other()
    {
        var messages = new ReplayMessages();
        var request = new ReplayRequest { Projection = new EvaluationStateProjection(), TenantId = "t", Since = DateTimeOffset.UnixEpoch };
        using var isTelling = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        await using (var reporter = new RunReporter(
            request, messages, ReplayLogWriter.Create(_directory.FullName, "x", DateTimeOffset.UtcNow), TimeProvider.System))
        {
            var first = Task.Run(
                () => reporter.StepAsync("mark-batch", entry => Hold(entry with { Count = 1 }), TestContext.Current.CancellationToken),
                TestContext.Current.CancellationToken);
            isTelling.Wait(TestContext.Current.CancellationToken);
            var second = reporter.StepAsync("mark-batch", entry => entry with { Count = 2 }, TestContext.Current.CancellationToken);

            // Long enough to get ahead of the first, if it could.
            await Task.WhenAny(second, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));
            goOn.Set();
            await Task.WhenAll(first, second);
        }

        messages.Complete();
        var sent = new List<int?>();
        await foreach (var message in messages.Reader.ReadAllAsync(TestContext.Current.CancellationToken))
            sent.Add(Assert.IsType<ReplayLogMessage>(message).Entry.Count);
        Assert.Equal([1, 2], sent);
        Assert.Equal([1, 2], Read(Assert.Single(_directory.GetFiles())).Select(line => line.GetProperty("count").GetInt32()));

        ReplayLogEntry Hold(ReplayLogEntry entry)
        {
            isTelling.Set();
            goOn.Wait();
            return entry;
        }
    }

    [Fact]
    public async Task Two_runs_in_one_second_have_logs_of_their_own()
    {
        var now = DateTimeOffset.UtcNow;
        await using var first = ReplayLogWriter.Create(_directory.FullName, "x", now);
        await using var second = ReplayLogWriter.Create(_directory.FullName, "x", now);

        Assert.NotEqual(first.Path, second.Path);
        Assert.EndsWith("-2.jsonl", second.Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_not_there_is_refused_before_anything_is_marked()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(
            servers, new EvaluationStateProjection(), tenant, Options with { LogDirectory = Path.Combine(_directory.FullName, "nowhere") });

        outcome.ShouldFailWith(ReplayError.LogUnavailable);
        Assert.Contains("-LogDirectory", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task A_dry_run_leaves_no_log()
    {
        await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), new TestTenant(servers), Options, isDryRun: true);

        Assert.Empty(_directory.GetFiles());
    }

    private ReplayOptions Options => new() { LogDirectory = _directory.FullName };

    private static List<JsonElement> Read(FileInfo log)
    {
        using var file = new FileStream(log.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }
}

using System.Diagnostics;
using ProjectionReplay.Coordination;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>One run at a time on a projection of a tenant, whatever becomes of its process.</summary>
public sealed class RunLockTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    private static readonly ReplayOptions QuickExpiry = new() { LockExpiry = TimeSpan.FromSeconds(3), AggregateBatchSize = 1 };

    [Fact]
    public async Task A_second_run_is_refused_and_told_who_holds_the_lock()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        ReplayOutcome? second = null;

        var first = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, During(async () =>
            second = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, QuickExpiry, PreviousRunAction.Restart)));

        first.ShouldSucceed();
        second!.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.Contains(Environment.MachineName, second!.Exception!.Message, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId}", second.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("Waiting up to 3 s", Assert.Single(second.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_tenants_and_projections_are_not_held_up()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var neighbour = await new TestTenant(servers, tenant.Id + "2").AddEvaluations(1).AppendAsync();
        IFoldProjection other = new ExperimentRunStateProjection();

        var first = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, During(async () =>
        {
            (await ReplayOutcome.RunAsync(servers, Evaluations, neighbour, QuickExpiry)).ShouldSucceed();
            (await ReplayOutcome.RunAsync(servers, other, tenant, QuickExpiry)).ShouldSucceed();
        }));

        first.ShouldSucceed();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_lock_is_released_at_the_end(bool fails)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, During(() => fails ? throw new InvalidOperationException() : Task.CompletedTask));

        Assert.False(await servers.Redis.KeyExistsAsync(LockKey(tenant)));
    }

    [Fact]
    public async Task A_dry_run_takes_no_lock_and_does_not_mind_one()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        await servers.Redis.StringSetAsync(LockKey(tenant), "held", TimeSpan.FromMinutes(1));

        Assert.Null((await ReplayOutcome.RunAsync(servers, Evaluations, tenant, isDryRun: true)).Exception);

        Assert.Equal("held", await servers.Redis.StringGetAsync(LockKey(tenant)));
    }

    [Fact]
    public async Task The_lock_of_a_dead_process_of_this_machine_is_taken_over_at_once()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        using var dead = Process.Start(
            new ProcessStartInfo("dotnet", "--version") { RedirectStandardOutput = true, UseShellExecute = false })!;
        var holder = Here(dead.Id) with { ProcessStarted = dead.StartTime.ToUniversalTime() };
        await dead.WaitForExitAsync(TestContext.Current.CancellationToken);
        await servers.Redis.StringSetAsync(LockKey(tenant), holder.Serialize(), TimeSpan.FromMinutes(1));

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant);

        Assert.Empty(outcome.ShouldSucceed().Warnings);
    }

    [Fact]
    public async Task A_process_id_that_came_round_again_does_not_keep_a_lock_alive()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var holder = Here(Environment.ProcessId) with { ProcessStarted = DateTime.UtcNow.AddDays(-3), ProcessStartTicks = 1 };
        await servers.Redis.StringSetAsync(LockKey(tenant), holder.Serialize(), TimeSpan.FromMinutes(1));

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
    }

    /// <summary>A container that has this machine's name sees other processes by the same ids, or none.</summary>
    [Theory]
    [InlineData("another-host", "here")]
    [InlineData("", "another boot, or another PID namespace")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public async Task Any_other_lock_is_given_one_expiry_to_die(string? host, string? processes)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        if (host == "") host = Environment.MachineName;
        var value = host is null ? "not ours" : (Here(NoProcess) with
        {
            Host = host,
            Processes = processes == "here" ? ProcessSpace.Current : processes,
        }).Serialize();
        await servers.Redis.StringSetAsync(LockKey(tenant), value, TimeSpan.FromSeconds(8));

        var outcome = await ReplayOutcome.RunAsync(
            servers, Evaluations, tenant, new ReplayOptions { LockExpiry = TimeSpan.FromMinutes(1) });

        Assert.Contains(host ?? "unknown", Assert.Single(outcome.ShouldSucceed().Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_takes_longer_than_the_expiry_keeps_its_lock()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, During(() => Task.Delay(QuickExpiry.LockExpiry * 2)));

        outcome.ShouldSucceed();
    }

    [Fact]
    public async Task A_run_whose_lock_was_taken_stops_and_leaves_the_markers_to_the_taker()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var isStopped = false;

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, During(async token =>
        {
            await servers.Redis.StringSetAsync(LockKey(tenant), "taker", TimeSpan.FromMinutes(1));
            try
            {
                await Task.Delay(TimeSpan.FromMinutes(2), token);
            }
            finally
            {
                isStopped = token.IsCancellationRequested;
            }
        }));

        outcome.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.True(isStopped, "The run should have been told while it was at work.");
        Assert.Equal("taker", await servers.Redis.StringGetAsync(LockKey(tenant)));
        Assert.NotEmpty(await tenant.MarkersAsync("evaluationState"));
        await servers.Redis.KeyDeleteAsync(LockKey(tenant));
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed();
    }

    /// <summary>As after SIGSTOP, or on a machine that was paused: it wakes, and does not know yet.</summary>
    [Theory]
    [InlineData(ReplayPhase.Mark)]
    [InlineData(ReplayPhase.Cutoff)]
    [InlineData(ReplayPhase.Unmark)]
    public async Task A_run_that_wakes_after_its_lock_was_taken_touches_no_marker(ReplayPhase phase)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        var jobs = $"{{evaluation_processing/projection/evaluationState}}:gq:group:{tenant.AggregateKey("e0001")}:jobs";
        await servers.Redis.SortedSetAddAsync(jobs, "job-1", 1);
        IReadOnlyDictionary<string, string>? before = null;

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (boundary is { Phase: ReplayPhase.Settle, IsBefore: true }) await servers.Redis.KeyDeleteAsync(jobs);
                if (boundary != new ReplayBoundary(1, phase, IsBefore: true)) return;
                await servers.Redis.StringSetAsync(LockKey(tenant), "taker", TimeSpan.FromMinutes(1));
                before = await tenant.MarkersAsync("evaluationState");
            },
        });

        outcome.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.Equal(before, await tenant.MarkersAsync("evaluationState"));
        Assert.Empty(await tenant.CompletedAsync("evaluationState"));
        Assert.Equal("taker", await servers.Redis.StringGetAsync(LockKey(tenant)));
        await servers.Redis.KeyDeleteAsync([LockKey(tenant), jobs]);
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, previousRun: PreviousRunAction.Resume)).ShouldSucceed();
    }

    [Fact]
    public async Task A_run_whose_lock_vanished_stops_and_removes_its_markers()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, During(async token =>
        {
            await servers.Redis.KeyDeleteAsync(LockKey(tenant));
            await Task.Delay(TimeSpan.FromMinutes(2), token);
        }));

        outcome.ShouldFailWith(ReplayError.ReplayLocked);
        Assert.Contains("-Resume", outcome.Exception!.Message, StringComparison.Ordinal);
        Assert.Empty(await tenant.MarkersAsync("evaluationState"));
        Assert.False(await servers.Redis.KeyExistsAsync(LockKey(tenant)));
    }

    /// <summary>No process has that id: it is more than Linux gives out.</summary>
    private const int NoProcess = 5_000_000;

    private static ReplayLockHolder Here(int processId) =>
        ReplayLockHolder.Create(DateTimeOffset.UtcNow) with { ProcessId = processId, ProcessStartTicks = null };

    private static string LockKey(TestTenant tenant) => $"projection-replay:lock:evaluationState:{tenant.Id}";

    private static ReplayOptions During(Func<Task> work) => During(_ => work());

    /// <summary>Does something while the first batch is marked and what came in since it was read is about to be looked for.</summary>
    private static ReplayOptions During(Func<CancellationToken, Task> work) => QuickExpiry with
    {
        Probe = async (boundary, token) =>
        {
            if (boundary == new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true)) await work(token);
        },
    };
}

using System.Diagnostics;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Redis;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>Clear-ReplayMarker removes what dead runs left, and nothing from under a run that is at work.</summary>
public sealed class ClearWhileRunningTests(TestServers servers) : IClassFixture<TestServers>, IAsyncDisposable
{
    private const string ClearTenant = "Clear-ReplayMarker $projection $tenant -RedisUrl $url -Confirm:$false";
    private const string ClearAll = "Clear-ReplayMarker $projection -RedisUrl $url -Confirm:$false";

    private readonly string _projection = $"p{Guid.NewGuid():N}";
    private readonly RecordingHost _host = new(answer: 0);
    private PowerShellSession? _session;
    private RedisServer? _redis;

    [Fact]
    public async Task A_run_at_work_keeps_its_markers_and_is_named()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();
        ShellOutcome? refused = null;

        var replay = await ReplayOutcome.RunAsync(servers, new EvaluationStateProjection(), tenant, new ReplayOptions
        {
            Probe = (boundary, _) =>
            {
                if (boundary == new ReplayBoundary(1, ReplayPhase.CatchUp, IsBefore: true))
                    refused = Run(ClearTenant, tenant.Id, "evaluationState");
                return ValueTask.CompletedTask;
            },
        });

        var message = refused!.ShouldFailWith("ReplayInProgress");
        Assert.Contains($"process {Environment.ProcessId} on host '{Environment.MachineName}', since 2", message, StringComparison.Ordinal);
        Assert.Contains("-Force", message, StringComparison.Ordinal);
        Assert.Equal(3, replay.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Single(
            Run("Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 -RedisUrl $url -ClickHouseUrl $clickHouse -WhatIf", tenant.Id)
                .ShouldSucceed().Output);
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task A_lock_that_is_held_refuses_and_a_lock_that_is_released_does_not(string clear)
    {
        await LeaveMarkerAsync("t1");
        await using (await TakeLockAsync("t1"))
        {
            Run(clear, "t1").ShouldFailWith("ReplayInProgress");
            Assert.Equal(1, await MarkerCountAsync());
        }

        Assert.Equal([1L], Run(clear, "t1").ShouldSucceed().Values("MarkersRemoved"));
        Assert.Equal(0, await MarkerCountAsync());
        Assert.False(await servers.Redis.KeyExistsAsync($"projection-replay:lock:{_projection}:t1"));
        Assert.False(await servers.Redis.KeyExistsAsync($"projection-replay:lock:{_projection}"));
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task A_shard_at_work_refuses_and_is_named(string clear)
    {
        await LeaveMarkerAsync("t1");
        await using (await TakeLockAsync("t1", new ReplayShard(2, 4)))
        {
            var message = Run(clear, "t1").ShouldFailWith("ReplayInProgress");

            Assert.Contains(
                $"process {Environment.ProcessId} on host '{Environment.MachineName}', since 2", message, StringComparison.Ordinal);
            Assert.Contains("for shard 2/4 of tenant 't1'", message, StringComparison.Ordinal);
            Assert.Equal(1, await MarkerCountAsync());
        }

        Assert.Equal([1L], Run(clear, "t1").ShouldSucceed().Values("MarkersRemoved"));
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task What_holds_a_lock_and_cannot_be_told_is_taken_for_a_run(string clear)
    {
        await LeaveMarkerAsync("t1");
        await servers.Redis.StringSetAsync($"projection-replay:lock:{_projection}:t1", "not ours", TimeSpan.FromMinutes(1));

        var message = Run(clear, "t1").ShouldFailWith("ReplayInProgress");

        Assert.Contains("a holder that cannot be told, for tenant 't1'", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task A_run_that_died_on_this_machine_does_not_stand_in_the_way(string clear)
    {
        await LeaveMarkerAsync("t1");
        using var dead = Process.Start(
            new ProcessStartInfo("dotnet", "--version") { RedirectStandardOutput = true, UseShellExecute = false })!;
        var holder = ReplayLockHolder.Create(DateTimeOffset.UtcNow) with
        {
            ProcessId = dead.Id,
            ProcessStarted = dead.StartTime.ToUniversalTime(),
            ProcessStartTicks = null,
        };
        await dead.WaitForExitAsync(TestContext.Current.CancellationToken);
        await servers.Redis.StringSetAsync($"projection-replay:lock:{_projection}:t1", holder.Serialize(), TimeSpan.FromMinutes(1));

        Assert.Equal([1L], Run(clear, "t1").ShouldSucceed().Values("MarkersRemoved"));
    }

    [Theory]
    [InlineData("t*", "tenant")]
    [InlineData("t?", "tx")]
    [InlineData("t[a-z]", "tx")]
    [InlineData(@"t\*", "t*")]
    [InlineData("t", "t:trace")]
    public async Task A_tenant_is_not_taken_for_those_that_its_name_would_match(string tenant, string runningTenant)
    {
        await LeaveMarkerAsync(tenant);
        await using var running = await TakeLockAsync(runningTenant);

        Assert.Equal([1L], Run(ClearTenant, tenant).ShouldSucceed().Values("MarkersRemoved"));
        await LeaveMarkerAsync(runningTenant);
        Run(ClearTenant, runningTenant).ShouldFailWith("ReplayInProgress");
    }

    [Fact]
    public async Task A_projection_is_not_taken_for_those_whose_names_begin_alike_or_that_it_would_match()
    {
        await LeaveMarkerAsync("t1");
        await using var longer = (await ReplayLock.TryTakeAsync(
            await RedisAsync(), new(_projection + "2", "t1"), TimeProvider.System, default)).Lock;
        await using var matching = (await ReplayLock.TryTakeAsync(
            await RedisAsync(), new(_projection[..^1] + "?", "t1"), TimeProvider.System, default)).Lock;

        Assert.Equal([1L], Run(ClearAll).ShouldSucceed().Values("MarkersRemoved"));
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task Force_removes_all_the_same_and_warns(string clear)
    {
        await LeaveMarkerAsync("t1");
        await using var running = await TakeLockAsync("t1");

        var outcome = Run(clear + " -Force", "t1").ShouldSucceed();

        Assert.Equal([1L], outcome.Values("MarkersRemoved"));
        Assert.Contains($"process {Environment.ProcessId} on host", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
        Assert.Equal(0, await MarkerCountAsync());
        Assert.False(running.Lost.IsCancellationRequested);
        Assert.True(await servers.Redis.KeyExistsAsync($"projection-replay:lock:{_projection}:t1"), "The run's lock should be left to it.");
    }

    [Fact]
    public async Task The_question_of_Force_says_what_may_come_of_it()
    {
        await LeaveMarkerAsync("t1");
        await using var running = await TakeLockAsync("t1");

        Run("Clear-ReplayMarker $projection $tenant -RedisUrl $url -Force", "t1").ShouldSucceed();

        Assert.Contains("from under a replay that is at work", Assert.Single(_host.Questions), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "Refuse to remove 1 markers")]
    [InlineData("-Force", "Remove 1 markers and the record of 0 completed aggregates from under a replay that is at work")]
    public async Task WhatIf_says_what_would_become_of_it_and_changes_nothing(string force, string expected)
    {
        await LeaveMarkerAsync("t1");
        await using var running = await TakeLockAsync("t1");

        Assert.Empty(Run($"{ClearTenant} {force} -WhatIf", "t1").ShouldSucceed().Output);

        Assert.Contains(expected, Assert.Single(_host.Lines), StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId} on host", _host.Lines[0], StringComparison.Ordinal);
        Assert.Equal(1, await MarkerCountAsync());
    }

    [Theory]
    [InlineData(ClearTenant, false)]
    [InlineData(ClearAll, true)]
    public async Task No_run_starts_while_it_removes(string clear, bool isForAll)
    {
        for (var i = 0; i < 20; i++)
        {
            await servers.Redis.HashSetAsync(
                $"projection-replay:cutoff:{_projection}",
                [.. Enumerable.Range(i * 5_000, 5_000).Select(n => new StackExchange.Redis.HashEntry($"t1:evaluation:e{n}", "pending"))]);
        }

        var clearing = Task.Run(() => Run(clear, "t1"));
        var looks = 0;
        while (!clearing.IsCompleted)
        {
            // Not before it is at work: it would be refused itself.
            if (await MarkerCountAsync() == 100_000) continue;
            var (taken, occupant) = await ReplayLock.TryTakeAsync(await RedisAsync(), new(_projection, "t1"), TimeProvider.System, default);
            if (taken is not null) await taken.DisposeAsync();
            if (await MarkerCountAsync() == 0) break;
            looks++;
            Assert.Null(taken);
            Assert.Equal(isForAll, occupant!.Scope.TenantId is null);
        }

        Assert.Equal([100_000L], (await clearing).ShouldSucceed().Values("MarkersRemoved"));
        Assert.True(looks > 0, "The test should have looked while the markers were being removed.");
    }

    [Theory]
    [InlineData(ClearTenant)]
    [InlineData(ClearAll)]
    public async Task A_lock_whose_answer_was_lost_does_not_stand_in_the_way_of_the_next_try(string clear)
    {
        await LeaveMarkerAsync("t1");
        await using var link = new FaultyLink(servers.RedisUrl);
        link.LoseAnswer($"projection-replay:lock:{_projection}");

        var outcome = Run(clear.Replace("$url", "$link", StringComparison.Ordinal), "t1", link: link.Url).ShouldSucceed();

        Assert.Equal(1, link.Strikes);
        Assert.Equal([1L], outcome.Values("MarkersRemoved"));
    }

    public async ValueTask DisposeAsync()
    {
        _session?.Dispose();
        await servers.Redis.KeyDeleteAsync([
            $"projection-replay:cutoff:{_projection}", $"projection-replay:lock:{_projection}:t1"]);
        if (_redis is not null) await _redis.DisposeAsync();
    }

    private ShellOutcome Run(string script, string tenant = "t1", string? projection = null, string? link = null) =>
        (_session ??= new PowerShellSession(_host)).Run(
            script,
            ("projection", projection ?? _projection),
            ("tenant", tenant),
            ("url", servers.RedisUrl),
            ("clickHouse", servers.ClickHouseUrl),
            ("link", link));

    private Task<bool> LeaveMarkerAsync(string tenant) =>
        servers.Redis.HashSetAsync($"projection-replay:cutoff:{_projection}", $"{tenant}:evaluation:e1", "pending");

    private async Task<long> MarkerCountAsync() => await servers.Redis.HashLengthAsync($"projection-replay:cutoff:{_projection}");

    /// <summary>Takes the lock as a run of this process would.</summary>
    private async Task<ReplayLock> TakeLockAsync(string tenant, ReplayShard? shard = null)
    {
        var (taken, _) = await ReplayLock.TakeAsync(
            await RedisAsync(),
            new(_projection, tenant, shard),
            TimeSpan.FromSeconds(3),
            TimeProvider.System,
            _ => { },
            TestContext.Current.CancellationToken);
        return Assert.IsType<ReplayLock>(taken);
    }

    private async Task<RedisServer> RedisAsync() => _redis ??= await RedisServer.ConnectAsync(
        ServerSettings.Redis(new ConnectionUrl(servers.RedisUrl, "test")).Options, TestContext.Current.CancellationToken);
}

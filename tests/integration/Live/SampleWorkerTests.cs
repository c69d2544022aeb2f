using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using LiveWorker;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Coordination;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Redis;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Live;

/// <summary>The sample under <c>samples/LiveWorker</c> does what a live handler must do.</summary>
public sealed class SampleWorkerTests : IClassFixture<TestServers>, IAsyncDisposable
{
    private readonly TestServers _servers;
    private readonly string _projection = $"sample{Guid.NewGuid():N}";
    private readonly GroupQueue _queue;
    private readonly ConcurrentQueue<LiveEvent> _folded = new();
    private readonly ConcurrentQueue<(LiveEvent Event, LiveReplayDecision Decision)> _decided = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _working = [];

    public SampleWorkerTests(TestServers servers)
    {
        _servers = servers;
        _queue = new GroupQueue(servers.Redis, QueueName);
    }

    private string QueueName => $"{{sample/projection/{_projection}}}";

    [Fact]
    public async Task Events_are_folded_once_and_in_order_one_of_an_aggregate_at_a_time()
    {
        const int Aggregates = 5, Events = 20;
        var inHand = new ConcurrentDictionary<string, byte>();
        for (var number = 0; number < Events; number++)
        {
            for (var aggregate = 0; aggregate < Aggregates; aggregate++) await _queue.StageAsync(Event($"e{aggregate}", number));
        }

        Start(workers: 4, async liveEvent =>
        {
            Assert.True(inHand.TryAdd(liveEvent.AggregateId, 0), $"Two events of {liveEvent.AggregateId} are being folded at once.");
            await Task.Delay(1);
            inHand.TryRemove(liveEvent.AggregateId, out _);
        });

        await WaitUntilAsync(() => _folded.Count == Aggregates * Events, "all events are folded");
        await WaitUntilIdleAsync();
        foreach (var group in _folded.GroupBy(liveEvent => liveEvent.AggregateId))
        {
            Assert.Equal(Enumerable.Range(0, Events).Select(EventId), group.Select(liveEvent => liveEvent.EventId));
        }
    }

    [Fact]
    public async Task What_is_marked_is_put_off_until_the_marker_is_gone_and_keeps_its_order()
    {
        await MarkAsync("marked", "pending");
        for (var number = 0; number < 3; number++)
        {
            await _queue.StageAsync(Event("marked", number));
            await _queue.StageAsync(Event("free", number));
        }

        Start(workers: 2);

        await WaitUntilAsync(
            () => _decided.Count(told => told.Decision == LiveReplayDecision.Defer) >= 3, "the first job was put off three times");
        await WaitUntilAsync(() => _folded.Count == 3, "the other aggregate's events are folded");
        Assert.All(_folded, liveEvent => Assert.Equal("free", liveEvent.AggregateId));
        Assert.All(_decided.Where(told => told.Event.AggregateId == "marked"), told => Assert.Equal(EventId(0), told.Event.EventId));

        await UnmarkAsync("marked");

        await WaitUntilAsync(() => _folded.Count == 6, "what was put off is folded");
        Assert.Equal(
            [EventId(0), EventId(1), EventId(2)],
            _folded.Where(liveEvent => liveEvent.AggregateId == "marked").Select(liveEvent => liveEvent.EventId));
        await WaitUntilIdleAsync();
    }

    [Fact]
    public async Task What_the_replay_folds_is_skipped_and_what_comes_later_is_put_off()
    {
        await MarkAsync("e1", EventId(1));
        for (var number = 0; number < 3; number++) await _queue.StageAsync(Event("e1", number));

        Start(workers: 2);

        await WaitUntilAsync(() => _decided.Any(told => told.Decision == LiveReplayDecision.Defer), "the last job was put off");
        Assert.Equal([(EventId(0), LiveReplayDecision.Skip), (EventId(1), LiveReplayDecision.Skip), (EventId(2), LiveReplayDecision.Defer)],
            _decided.Select(told => (told.Event.EventId, told.Decision)).Distinct());
        Assert.Empty(_folded);

        await UnmarkAsync("e1");

        await WaitUntilAsync(() => _folded.Count == 1, "the last job is folded");
        Assert.Equal(EventId(2), Assert.Single(_folded).EventId);
        await WaitUntilIdleAsync();
    }

    [Fact]
    public async Task A_job_whose_worker_died_comes_up_again_and_a_replay_does_not_take_it_for_tried()
    {
        await _queue.StageAsync(Event("e1", 0));
        var group = await _queue.GroupsAsync().SingleAsync();
        var dead = await _queue.DispatchAsync(group);
        await using var redis = await RedisServer.ConnectAsync(
            Configuration.ServerSettings.Redis(new Configuration.ConnectionUrl(_servers.RedisUrl, "test")).Options,
            TestContext.Current.CancellationToken);
        var staged = new StagedJobs(redis, QueueName, TimeProvider.System);
        var snapshot = await staged.SnapshotAsync(["t1:evaluation:e1"u8.ToArray()], TestContext.Current.CancellationToken);
        Assert.Null(await _queue.DispatchAsync(group));

        await _servers.Redis.KeyDeleteAsync(group + ":active");

        var (stuck, anyTried) = await staged.WaitAsync(snapshot, TimeSpan.Zero, TestContext.Current.CancellationToken);
        Assert.Equal((1, false), (stuck.Count, anyTried));
        Start(workers: 1);
        await WaitUntilAsync(() => _folded.Count == 1, "the job is done after all");
        Assert.Equal(dead!.Event, Assert.Single(_folded));
        Assert.Empty((await staged.WaitAsync(stuck, TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken)).Stuck);
    }

    [Fact]
    public async Task A_fold_that_fails_is_tried_again()
    {
        await _queue.StageAsync(Event("e1", 0));
        var failures = 0;

        Start(
            workers: 1,
            _ => Interlocked.Increment(ref failures) < 3
                ? throw new InvalidOperationException("The test fails the fold.")
                : Task.CompletedTask);

        await WaitUntilAsync(() => _folded.Count == 1, "the fold succeeds");
        Assert.Equal(3, failures);
        await WaitUntilIdleAsync();
    }

    [Fact]
    public async Task Beside_a_rebuild_every_event_is_counted_once()
    {
        var projection = TenantDailyBillableEventsProjection.ForProjects();
        var tenant = new TestTenant(_servers);
        for (var trace = 0; trace < 40; trace++) Span(trace, TestTenant.Start.AddSeconds(trace));
        await tenant.AppendAsync();
        var queue = new GroupQueue(_servers.Redis, projection.Definition.QueueName);
        Run(
            new GroupWorker(queue, new LiveReplayGate(_servers.Redis, projection.Definition.Name), CountAsync) { Decided = Tell },
            workers: 3);
        using var enough = new CancellationTokenSource();
        var traffic = Task.Run(async () =>
        {
            for (var number = 0; !enough.IsCancellationRequested; number++)
            {
                var trace = number % 40;
                var eventId = Span(trace, TestTenant.Start.AddDays(1).AddSeconds(number));
                await tenant.AppendAsync();
                await queue.StageAsync(new LiveEvent(tenant.Id, "trace", TraceId(trace), eventId));
                await Task.Delay(20);
            }
        });
        await WaitUntilAsync(() => _folded.Count > 5, "live events are folded");

        var outcome = await ReplayOutcome.RunAsync(
            _servers,
            projection,
            tenant,
            new ReplayOptions { AggregateBatchSize = 10, StagingGrace = TimeSpan.FromSeconds(1) },
            isLive: true,
            isRebuild: true);

        await enough.CancelAsync();
        await traffic;
        await WaitUntilAsync(
            () => queue.GroupsAsync().ToBlockingEnumerable().All(group => !group.Contains(tenant.Id, StringComparison.Ordinal)),
            "no job is left");
        outcome.ShouldSucceed();
        Assert.Contains(_decided, told => told.Decision == LiveReplayDecision.Defer);
        await new StateOracle(_servers, projection, tenant.Id).AssertStoredAsync();

        string Span(int trace, DateTimeOffset at) => tenant.AddRaw("trace", TraceId(trace), "lw.obs.trace.span_received", at, "");

        async Task CountAsync(LiveEvent liveEvent, CancellationToken timeout)
        {
            var date = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(liveEvent.EventId[..13], CultureInfo.InvariantCulture))
                .ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            await using var command = _servers.Postgres.CreateCommand("""
                INSERT INTO "ProjectDailyBillableEvents" AS stored (id, "projectId", date, count, "lastEventTimestamp")
                VALUES ($1, $2, $3, 1, $4)
                ON CONFLICT (id) DO UPDATE SET
                    count = stored.count + 1,
                    "lastEventTimestamp" = greatest(stored."lastEventTimestamp", excluded."lastEventTimestamp")
                """);
            command.Parameters.AddWithValue($"{liveEvent.TenantId}:{date}");
            command.Parameters.AddWithValue(liveEvent.TenantId);
            command.Parameters.AddWithValue(date);
            command.Parameters.AddWithValue(long.Parse(liveEvent.EventId[..13], CultureInfo.InvariantCulture));
            await command.ExecuteNonQueryAsync(timeout);
            _folded.Enqueue(liveEvent);
        }
    }

    [Fact]
    public async Task The_program_folds_what_is_staged_and_not_what_is_marked()
    {
        await MarkAsync("marked", "pending");
        await _queue.StageAsync(Event("marked", 1));
        await _queue.StageAsync(Event("free", 2));
        var server = _servers.Redis.Multiplexer.GetEndPoints()[0].ToString()!.Replace("Unspecified/", "", StringComparison.Ordinal);
        using var program = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [RepositoryLayout.LiveWorker, $"{server},defaultDatabase={_servers.Redis.Database}", _projection, QueueName])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        try
        {
            Assert.Equal($"folded {EventId(2)}", await program.StandardOutput.ReadLineAsync(patience.Token));
            await UnmarkAsync("marked");
            Assert.Equal($"folded {EventId(1)}", await program.StandardOutput.ReadLineAsync(patience.Token));
        }
        finally
        {
            program.Kill();
            await program.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_working);
        _stop.Dispose();
        await _servers.Redis.KeyDeleteAsync([$"projection-replay:cutoff:{_projection}", $"{QueueName}:gq:order"]);
    }

    private static string EventId(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{1_768_000_000_000 + number}:t1:e:evaluation:x");

    private static string TraceId(int trace) => string.Create(CultureInfo.InvariantCulture, $"trace{trace:D3}");

    private static LiveEvent Event(string aggregateId, int number) => new("t1", "evaluation", aggregateId, EventId(number));

    private Task<bool> MarkAsync(string aggregateId, string marker) =>
        _servers.Redis.HashSetAsync($"projection-replay:cutoff:{_projection}", $"t1:evaluation:{aggregateId}", marker);

    private Task<bool> UnmarkAsync(string aggregateId) =>
        _servers.Redis.HashDeleteAsync($"projection-replay:cutoff:{_projection}", $"t1:evaluation:{aggregateId}");

    private void Start(int workers, Func<LiveEvent, Task>? fold = null) => Run(
        new GroupWorker(_queue, new LiveReplayGate(_servers.Redis, _projection), async (liveEvent, _) =>
        {
            if (fold is not null) await fold(liveEvent);
            _folded.Enqueue(liveEvent);
        })
        {
            Decided = Tell,
        },
        workers);

    private void Run(GroupWorker worker, int workers)
    {
        for (var i = 0; i < workers; i++) _working.Add(Task.Run(() => worker.RunAsync(_stop.Token)));
    }

    private void Tell(LiveEvent liveEvent, LiveReplayDecision decision) => _decided.Enqueue((liveEvent, decision));

    private Task WaitUntilIdleAsync() => WaitUntilAsync(() => !_queue.GroupsAsync().ToBlockingEnumerable().Any(), "no job is left");

    private async Task WaitUntilAsync(Func<bool> condition, string what)
    {
        for (var started = Stopwatch.GetTimestamp(); !condition();)
        {
            foreach (var worker in _working.Where(worker => worker.IsFaulted)) await worker;
            Assert.True(
                Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(2), $"It should have come to this within two minutes: {what}.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}

using System.Collections.Concurrent;
using System.Text.Json;
using ProjectionReplay.Coordination;
using ProjectionReplay.Golden;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>
/// The live handlers of one projection: take jobs from the queue, ask the gate, and fold into the same
/// tables that the replay writes to.
/// </summary>
internal sealed class LiveWorkers : IAsyncDisposable
{
    private readonly LiveQueue _queue;
    private readonly LiveReplayGate _gate;
    private readonly ILiveFold _fold;
    private readonly TimeSpan _backoff;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<ProjectionReplay.Events.AggregateKey, byte> _groups = new();

    /// <summary>What each event that was begun to be appended waits for: its staging, and the end of its job.</summary>
    private readonly ConcurrentDictionary<string, (TaskCompletionSource Staged, TaskCompletionSource Handled)> _open =
        new(StringComparer.Ordinal);
    private readonly Task[] _workers;
    private long _appended, _processed, _skipped, _deferred;

    public LiveWorkers(TestServers servers, LiveQueue queue, string projection, ILiveFold fold, int count, TimeSpan backoff)
    {
        _queue = queue;
        _gate = new LiveReplayGate(servers.Redis, projection);
        _fold = fold;
        _backoff = backoff;
        _workers = [.. Enumerable.Range(0, count).Select(number => Task.Run(() => WorkAsync(new Random(number))))];
    }

    /// <summary>How often each answer of the gate was given.</summary>
    public (long Processed, long Skipped, long Deferred) Decisions =>
        (Interlocked.Read(ref _processed), Interlocked.Read(ref _skipped), Interlocked.Read(ref _deferred));

    /// <summary>Events whose jobs are not done yet.</summary>
    public long Backlog => Interlocked.Read(ref _appended) - Interlocked.Read(ref _processed) - Interlocked.Read(ref _skipped);

    /// <summary>The longest that it took from the start of an append to the end of the staging.</summary>
    public TimeSpan SlowestStaging { get; private set; }

    /// <summary>Appends an event to the log, and then, as the contract says, stages its job.</summary>
    public async Task AppendAsync(TestTenant tenant, EventLogRow liveEvent, string row)
    {
        var started = TimeProvider.System.GetTimestamp();
        var staged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[liveEvent.EventId] = (staged, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            await tenant.AppendRowAsync(row);
            await _queue.StageAsync(liveEvent.Aggregate, row);
            staged.SetResult();
        }
        catch (Exception exception)
        {
            staged.SetException(exception);
            if (_open.TryRemove(liveEvent.EventId, out var wait)) wait.Handled.SetException(exception);
            throw;
        }

        var taken = TimeProvider.System.GetElapsedTime(started);
        if (taken > SlowestStaging) SlowestStaging = taken;
        _groups.TryAdd(liveEvent.Aggregate, 0);
        Interlocked.Increment(ref _appended);
    }

    /// <summary>Ends when the jobs of all events are staged that are being appended now.</summary>
    public Task WaitUntilStagedAsync() => Task.WhenAll(_open.Values.Select(wait => wait.Staged.Task));

    /// <summary>
    /// Ends when the jobs of all events are done that have been appended by now, or are being appended; or when a worker failed.
    /// </summary>
    public async Task WaitUntilHandledAsync() =>
        await await Task.WhenAny([Task.WhenAll(_open.Values.Select(wait => wait.Handled.Task)), .. _workers]);

    /// <summary>Waits until every job is done.</summary>
    public async Task WaitUntilIdleAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        foreach (var aggregate in _groups.Keys)
        {
            while (!await _queue.IsIdleAsync(aggregate))
            {
                foreach (var worker in _workers.Where(worker => worker.IsFaulted)) await worker;
                await Task.Delay(20, patience.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_workers);
        _stop.Dispose();
    }

    /// <summary>Goes round the aggregates, each worker starting somewhere else.</summary>
    private async Task WorkAsync(Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            var worked = false;
            var groups = _groups.Keys.ToArray();
            random.Shuffle(groups);
            foreach (var aggregate in groups)
            {
                if (await _queue.DispatchAsync(aggregate) is not { } job) continue;
                await HandleAsync(job);
                worked = true;
            }

            if (!worked) await Task.Delay(1);
        }
    }

    private async Task HandleAsync(LiveJob job)
    {
        var liveEvent = EventLogRow.Parse(JsonElement.Parse(job.EventJson));
        switch (await _gate.DecideAsync(job.Aggregate, liveEvent.EventId))
        {
            case LiveReplayDecision.Process:
                await _fold.ApplyAsync(liveEvent);
                Interlocked.Increment(ref _processed);
                await CompleteAsync(job, liveEvent.EventId);
                break;
            case LiveReplayDecision.Skip:
                Interlocked.Increment(ref _skipped);
                await CompleteAsync(job, liveEvent.EventId);
                break;
            default:
                Interlocked.Increment(ref _deferred);
                await _queue.DeferAsync(job, _backoff);
                break;
        }
    }

    private async Task CompleteAsync(LiveJob job, string eventId)
    {
        await _queue.CompleteAsync(job);
        if (_open.TryRemove(eventId, out var wait)) wait.Handled.SetResult();
    }
}

/// <summary>How a live handler folds one event into what is stored.</summary>
internal interface ILiveFold
{
    Task ApplyAsync(EventLogRow liveEvent);
}

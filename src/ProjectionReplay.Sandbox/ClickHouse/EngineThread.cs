using System.Collections.Concurrent;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>
/// A thread of its own for the blocking calls of one request, so that long queries and slow
/// readers never use up the thread pool. Calls run one after the other, in order.
/// </summary>
/// <remarks>
/// Threads are used again: each one that ever called the engine leaves a signal stack behind when
/// it ends, because engine and runtime both set one up, and the kernel lets a process have some
/// 65,000 mappings. There are as many threads as there were requests at once.
/// </remarks>
internal sealed class EngineThread : IAsyncDisposable
{
    private static readonly ConcurrentBag<EngineThread> s_idle = [];

    private readonly BlockingCollection<Action> _calls = [];

    private EngineThread() => new Thread(Loop) { IsBackground = true, Name = "clickhouse request" }.Start();

    /// <summary>A thread with nothing to do. Disposing gives it back.</summary>
    public static EngineThread Rent() => s_idle.TryTake(out var idle) ? idle : new EngineThread();

    /// <summary>Runs the call on the thread and completes with its result or its exception.</summary>
    public Task<T> Run<T>(Func<T> call)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _calls.Add(() =>
        {
            try
            {
                completion.SetResult(call());
            }
            catch (Exception e)
            {
                completion.SetException(e);
            }
        });
        return completion.Task;
    }

    /// <summary>Runs the call on the thread.</summary>
    public Task Run(Action call) => Run(() =>
    {
        call();
        return true;
    });

    /// <summary>Waits for the calls already given, then gives the thread back.</summary>
    public async ValueTask DisposeAsync()
    {
        await Run(static () => { });
        s_idle.Add(this);
    }

    private void Loop()
    {
        foreach (var call in _calls.GetConsumingEnumerable())
            call();
    }
}

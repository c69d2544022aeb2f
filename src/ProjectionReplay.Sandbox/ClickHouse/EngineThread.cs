using System.Collections.Concurrent;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>
/// A thread of its own for the blocking calls of one request, so that long queries and slow
/// readers never use up the thread pool. Calls run one after the other, in order.
/// </summary>
internal sealed class EngineThread : IAsyncDisposable
{
    private readonly BlockingCollection<Action> _calls = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EngineThread() => new Thread(Loop) { IsBackground = true, Name = "clickhouse request" }.Start();

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

    /// <summary>Waits for the calls already given, then ends the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        _calls.CompleteAdding();
        await _ended.Task;
        _calls.Dispose();
    }

    private void Loop()
    {
        foreach (var call in _calls.GetConsumingEnumerable())
            call();
        _ended.SetResult();
    }
}

using System.Globalization;
using ProjectionReplay.Coordination;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// Takes the planned batches through the cycle, several at a time: while one stores its states and gives its
/// aggregates back the next one loads, and the one after that is marked and drained. Of each of the three stages one
/// batch is in hand at a time, and every batch passes them in its turn. No more than two hold states.
/// </summary>
internal sealed class BatchPipeline(BatchContext context, IReadOnlyList<PlannedBatch> plan, RunFailures failures, ReplayLock runLock)
{
    /// <summary>One batch in each stage: more would be marked for longer and gain nothing.</summary>
    private const int MostAtOnce = 3;

    /// <summary>Ctrl+C is to return within two seconds.</summary>
    private static readonly TimeSpan PatienceWhenCancelled = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan PatienceWhenFailed = TimeSpan.FromSeconds(30);

    private readonly Queue<InFlight> _inFlight = [];

    /// <summary>Replays the batches.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    /// <exception cref="ReplayException">A batch failed. It and those behind it are given back.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled; so are they.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var replayed = 0;
        var (before, twoBefore) = (Stages.Passed, Stages.Passed);
        try
        {
            for (var number = 1; number <= plan.Count || _inFlight.Count > 0;)
            {
                if (number <= plan.Count && _inFlight.Count < MostAtOnce)
                {
                    var stages = new Stages();
                    var batch = new ReplayBatch(context, plan[number - 1], number, context.Reporter.Begin(number, plan.Count));
                    _inFlight.Enqueue(new InFlight(batch, PassAsync(batch, before, twoBefore, stages, stop.Token)));
                    (before, twoBefore) = (stages, before);
                    number++;
                    continue;
                }

                var first = _inFlight.Peek();
                var count = await first.Passing.ConfigureAwait(false);
                context.Reporter.End(first.Batch.Number, count);
                replayed += count;
                _inFlight.Dequeue();
            }
        }
        catch (Exception exception)
        {
            // Asked before the time that giving the batches back may take.
            var isCancelled = cancellationToken.IsCancellationRequested;
            await stop.CancelAsync().ConfigureAwait(false);
            await FailAsync(exception, isCancelled, cancellationToken).ConfigureAwait(false);
        }

        return replayed;
    }

    private static async Task<int> PassAsync(ReplayBatch batch, Stages before, Stages twoBefore, Stages own, CancellationToken cancellationToken)
    {
        await before.Prepared.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await batch.PrepareAsync(cancellationToken).ConfigureAwait(false);
        own.Prepared.SetResult();

        await before.Loaded.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await twoBefore.Finished.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await batch.LoadAsync(cancellationToken).ConfigureAwait(false);
        own.Loaded.SetResult();

        await before.Finished.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        var replayed = await batch.FinishAsync(cancellationToken).ConfigureAwait(false);
        own.Finished.SetResult();
        return replayed;
    }

    /// <summary>Gives back the first batch in flight, which has failed, and those behind it; then throws.</summary>
    private async Task FailAsync(Exception exception, bool isCancelled, CancellationToken cancellationToken)
    {
        var number = _inFlight.Peek().Batch.Number;
        var isUnmarked = await AbandonAsync(isCancelled ? PatienceWhenCancelled : PatienceWhenFailed).ConfigureAwait(false);
        var failure = runLock.Lost.IsCancellationRequested
            ? failures.LockLost(runLock, exception)
            : failures.Abandoned(exception, number, plan.Count, isUnmarked, isCancelled);
        await context.Reporter.LastStepAsync(
            "error", entry => entry with { Batch = number, BatchCount = plan.Count, Message = failure.Message }).ConfigureAwait(false);
        if (failure.Error == ReplayError.ReplayFailed && isCancelled)
        {
            throw new OperationCanceledException(failure.Message, exception, cancellationToken);
        }

        throw failure;
    }

    /// <summary>
    /// Gives the batches in flight back to the live handlers, unless another run has taken over meanwhile. Never throws:
    /// the failure is the news.
    /// </summary>
    /// <returns>Whether none of their markers is left.</returns>
    private async Task<bool> AbandonAsync(TimeSpan timeout)
    {
        using var patience = new CancellationTokenSource(timeout, context.TimeProvider);
        try
        {
            // None of them may set another marker.
            foreach (var inFlight in _inFlight) await ((Task)inFlight.Passing).WaitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            // A run that took over has marked the aggregates again: its markers are not ours to remove.
            if (runLock.Lost.IsCancellationRequested
                && !await context.Faults.CallAsync(Server.Redis, "Regaining the run lock", runLock.TryRegainAsync, patience.Token).ConfigureAwait(false))
            {
                return false;
            }

            var keys = _inFlight.SelectMany(inFlight => inFlight.Batch.Keys).Select(key => (RedisValue)key).ToList();
            await context.Faults.CallAsync(
                Server.Redis, "Removing markers", token => context.Markers.RemoveAsync(keys, token), patience.Token).ConfigureAwait(false);
            context.Reporter.Verbose(string.Create(
                CultureInfo.InvariantCulture, $"Abandoned the batches in hand: none of their {keys.Count:N0} aggregates is marked any more."));
            return true;
        }
        catch (Exception exception)
        {
            var reason = exception is OperationCanceledException ? "Redis did not answer in time" : exception.Message.TrimEnd('.');
            context.Reporter.Warn(
                $"The markers of the batches in hand could not be removed ({reason}). Live handlers hold back their events until Clear-ReplayMarker, or a run with -Resume or -Restart, removes them.");
            return false;
        }
    }

    private readonly record struct InFlight(ReplayBatch Batch, Task<int> Passing);

    /// <summary>How far a batch has come: the one behind it may enter a stage when it has left it.</summary>
    private sealed class Stages
    {
        /// <summary>What the first batch finds before it.</summary>
        public static Stages Passed { get; } = CreatePassed();

        public TaskCompletionSource Prepared { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Loaded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Finished { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private static Stages CreatePassed()
        {
            var passed = new Stages();
            passed.Prepared.SetResult();
            passed.Loaded.SetResult();
            passed.Finished.SetResult();
            return passed;
        }
    }
}

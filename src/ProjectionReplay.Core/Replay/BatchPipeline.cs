using System.Globalization;
using ProjectionReplay.Coordination;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// Takes the planned batches through the cycle, several at a time: while one stores its states and gives its aggregates
/// back the next one is marked and settled, and those after that load. Every batch passes the stages in its turn.
/// </summary>
internal sealed class BatchPipeline(BatchContext context, BatchSequence sequence, RunFailures failures, ReplayLock runLock)
{
    /// <summary>Batches beside those that load, one in each stage: more would be held for longer and gain nothing.</summary>
    private const int LoadedAtOnce = 2;

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
        var stages = new Stages[sequence.Places.Count];
        try
        {
            for (var number = 1; number <= stages.Length || _inFlight.Count > 0;)
            {
                if (number <= stages.Length && _inFlight.Count < sequence.LoadsAtOnce + LoadedAtOnce)
                {
                    var batch = new ReplayBatch(
                        context, sequence.Places[number - 1], number, context.Reporter.Begin(number, stages.Length));
                    stages[number - 1] = new Stages();
                    _inFlight.Enqueue(
                        new InFlight(batch, PassAsync(batch, Before(1), Before(sequence.LoadsAtOnce), stages[number - 1], stop.Token)));
                    number++;
                    continue;
                }

                var first = _inFlight.Peek();
                var count = await first.Passing.ConfigureAwait(false);
                context.Reporter.End(first.Batch.Number, count);
                replayed += count;
                _inFlight.Dequeue();

                Stages Before(int places) => number > places ? stages[number - 1 - places] : Stages.Passed;
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

    private static async Task<int> PassAsync(
        ReplayBatch batch, Stages before, Stages ahead, Stages own, CancellationToken cancellationToken)
    {
        await ahead.Loaded.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await batch.LoadAsync(cancellationToken).ConfigureAwait(false);
        own.Loaded.SetResult();

        await before.TakenOver.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        await batch.TakeOverAsync(cancellationToken).ConfigureAwait(false);
        own.TakenOver.SetResult();

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
            : failures.Abandoned(exception, number, sequence.Places.Count, isUnmarked, isCancelled);
        await context.Reporter.LastStepAsync(
            "error",
            entry => entry with { Batch = number, BatchCount = sequence.Places.Count, Message = failure.Message }).ConfigureAwait(false);
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
            foreach (var inFlight in _inFlight)
            {
                await ((Task)inFlight.Passing).WaitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            // A run that took over has marked the aggregates again: its markers are not ours to remove.
            if (runLock.Lost.IsCancellationRequested
                && !await context.Faults.CallAsync(
                    Server.Redis, "Regaining the run lock", runLock.TryRegainAsync, patience.Token).ConfigureAwait(false))
            {
                return false;
            }

            var keys = _inFlight.SelectMany(inFlight => inFlight.Batch.Keys).Select(key => (RedisValue)key).ToList();
            await context.Faults.CallAsync(
                Server.Redis, "Removing markers", token => context.Markers.RemoveAsync(keys, token), patience.Token).ConfigureAwait(false);
            context.Reporter.Verbose(keys.Count == 0
                ? "Abandoned the batches in hand: none of their aggregates was marked yet."
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"Abandoned the batches in hand: none of their {keys.Count:N0} aggregates is marked any more."));
            return true;
        }
        catch (Exception exception)
        {
            var reason = exception is OperationCanceledException ? "Redis did not answer in time" : exception.Message.TrimEnd('.');
            context.Reporter.Warn(
                $"The markers of the batches in hand could not be removed ({reason}). "
                    + "Live handlers hold back their events until Clear-ReplayMarker, or a run with -Resume or -Restart, removes them.");
            return false;
        }
    }

    private readonly record struct InFlight(ReplayBatch Batch, Task<int> Passing);

    /// <summary>How far a batch has come: the one behind it may enter a stage when it has left it.</summary>
    private sealed class Stages
    {
        /// <summary>What the first batch finds before it.</summary>
        public static Stages Passed { get; } = CreatePassed();

        public TaskCompletionSource Loaded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource TakenOver { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Finished { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private static Stages CreatePassed()
        {
            var passed = new Stages();
            passed.TakenOver.SetResult();
            passed.Loaded.SetResult();
            passed.Finished.SetResult();
            return passed;
        }
    }
}

using System.Globalization;
using ProjectionReplay.Faults;
using StackExchange.Redis;

namespace ProjectionReplay.Cycle;

/// <summary>
/// Takes the planned batches through the cycle, several at a time: while one stores its states and gives its aggregates
/// back the next one is marked and settled, and those after that load. Every batch passes the stages in its turn.
/// </summary>
internal sealed class BatchPipeline(BatchContext context, BatchSequence sequence, RunFailures failures, RunStop stop)
{
    /// <summary>Batches beside those that load, one in each stage: more would be held for longer and gain nothing.</summary>
    private const int LoadedAtOnce = 2;

    private readonly Queue<InFlight> _inFlight = [];

    /// <summary>Replays the batches.</summary>
    /// <returns>The number of aggregates replayed.</returns>
    /// <exception cref="ReplayException">A batch failed. It and those behind it are given back.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled; so are they.</exception>
    public async Task<int> RunAsync()
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
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
                    var passing = PassAsync(
                        batch, Before(1), Before(sequence.LoadsAtOnce), stages[number - 1], abandoned.Token);
                    _inFlight.Enqueue(new InFlight(batch, passing));
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
            // Decided before the time that giving the batches back may take.
            _ = stop.Reason;
            await abandoned.CancelAsync().ConfigureAwait(false);
            await FailAsync(exception).ConfigureAwait(false);
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
    private async Task FailAsync(Exception exception)
    {
        var number = _inFlight.Peek().Batch.Number;
        var hasUnsettledCounts = !context.Request.IsRebuild && _inFlight.Any(inFlight => inFlight.Batch.HasUnsettledCounts);
        var isUnmarked = await stop.HandBackAsync(
            "the batches in hand", WaitForBatchesAsync, RemoveMarkersAsync, context.Reporter).ConfigureAwait(false);
        var failure = stop.Reason == StopReason.LockLost
            ? failures.LockLost(stop.Lock, exception)
            : failures.Abandoned(
                exception, number, sequence.Places.Count, isUnmarked, stop.Reason == StopReason.Cancelled, hasUnsettledCounts);
        await context.Reporter.LastStepAsync(
            "error",
            entry => entry with { Batch = number, BatchCount = sequence.Places.Count, Message = failure.Message }).ConfigureAwait(false);
        if (stop.Reason == StopReason.Cancelled)
        {
            throw new OperationCanceledException(failure.Message, exception, stop.Token);
        }

        throw failure;
    }

    /// <summary>None of them may set another marker.</summary>
    private async Task WaitForBatchesAsync(CancellationToken cancellationToken)
    {
        foreach (var inFlight in _inFlight)
        {
            await ((Task)inFlight.Passing).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task RemoveMarkersAsync(CancellationToken cancellationToken)
    {
        var keys = _inFlight.SelectMany(inFlight => inFlight.Batch.Keys).Select(key => (RedisValue)key).ToList();
        await context.Markers.RemoveAsync(keys, cancellationToken).ConfigureAwait(false);
        context.Reporter.Verbose(keys.Count == 0
            ? "Abandoned the batches in hand: none of their aggregates was marked yet."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Abandoned the batches in hand: none of their {keys.Count:N0} aggregates is marked any more."));
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

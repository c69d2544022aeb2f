using ProjectionReplay.Coordination;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Cycle;

/// <summary>Why a run stops before its end.</summary>
internal enum StopReason
{
    /// <summary>A server, an event, or a fault of this tool.</summary>
    Failure,

    /// <summary>The user wanted it to.</summary>
    Cancelled,

    /// <summary>The lock is gone: another run may be at work on the same aggregates.</summary>
    LockLost,
}

/// <summary>The one that knows whether a run has to stop, and why. The token may be used by several threads, the rest by one.</summary>
/// <param name="runLock">The run's lock.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="user">Cancelled by the user.</param>
internal sealed class RunStop(ReplayLock runLock, TimeProvider timeProvider, CancellationToken user) : IDisposable
{
    /// <summary>Ctrl+C is to return within two seconds.</summary>
    private static readonly TimeSpan PatienceWithUser = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan PatienceWithServers = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(user, runLock.Lost);
    private StopReason? _reason;

    /// <summary>Cancelled when the run has to stop, for whichever reason.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>
    /// Why it stops. Asked for when it does: from then on it stays the same, whatever happens while aggregates are handed back.
    /// Where several things came together, what the user wanted counts, then the lock.
    /// </summary>
    public StopReason Reason => _reason ??= user.IsCancellationRequested ? StopReason.Cancelled
        : runLock.Lost.IsCancellationRequested ? StopReason.LockLost
        : StopReason.Failure;

    /// <summary>The run's lock.</summary>
    public ReplayLock Lock => runLock;

    /// <summary>
    /// Hands aggregates back to the live handlers when the run stops, in as much time as the reason leaves. Never throws: why it
    /// stops is the news.
    /// </summary>
    /// <param name="what">Whose markers, for the warning: "the batches in hand".</param>
    /// <param name="settle">Waits until none of them is marked any more by this run.</param>
    /// <param name="remove">Removes the markers.</param>
    /// <param name="reporter">Told when some are left.</param>
    /// <returns>
    /// Whether none is left. After the lock was lost they are this run's to remove only when it can be had again: a run that took
    /// over has marked the aggregates anew.
    /// </returns>
    public async Task<bool> HandBackAsync(
        string what, Func<CancellationToken, Task> settle, Func<CancellationToken, Task> remove, RunReporter reporter)
    {
        using var patience = new CancellationTokenSource(
            Reason == StopReason.Cancelled ? PatienceWithUser : PatienceWithServers, timeProvider);
        try
        {
            await settle(patience.Token).ConfigureAwait(false);
            if (runLock.Lost.IsCancellationRequested && !await runLock.TryRegainAsync(patience.Token).ConfigureAwait(false)) return false;
            await remove(patience.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            var reason = exception is OperationCanceledException ? "Redis did not answer in time" : exception.Message.TrimEnd('.');
            reporter.Warn(
                $"The markers of {what} could not be removed ({reason}). "
                    + "Live handlers hold back their events until Clear-ReplayMarker, or another run, removes them.");
            return false;
        }
    }

    /// <inheritdoc cref="HandBackAsync(string, Func{CancellationToken, Task}, Func{CancellationToken, Task}, RunReporter)"/>
    public Task<bool> HandBackAsync(string what, Func<CancellationToken, Task> remove, RunReporter reporter) =>
        HandBackAsync(what, static _ => Task.CompletedTask, remove, reporter);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}

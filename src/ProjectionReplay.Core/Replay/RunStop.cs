using ProjectionReplay.Coordination;

namespace ProjectionReplay.Replay;

/// <summary>Why a run stops: the user, a lost lock, or else a failure. Says how long giving markers back may take.</summary>
/// <param name="runLock">The run's lock.</param>
/// <param name="user">Cancelled by the user.</param>
internal sealed class RunStop(ReplayLock runLock, CancellationToken user) : IDisposable
{
    /// <summary>Ctrl+C is to return within two seconds.</summary>
    private static readonly TimeSpan PatienceWithUser = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan PatienceWithServers = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(user, runLock.Lost);

    /// <summary>Cancelled when the run has to stop, for whichever reason.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Whether the user stopped it.</summary>
    public bool IsCancelled => user.IsCancellationRequested;

    /// <summary>Whether the lock was lost.</summary>
    public bool IsLockLost => runLock.Lost.IsCancellationRequested;

    /// <summary>The run's lock.</summary>
    public ReplayLock Lock => runLock;

    /// <summary>How long handing back may take.</summary>
    public TimeSpan Patience => IsCancelled ? PatienceWithUser : PatienceWithServers;

    /// <summary>
    /// Whether the markers are this run's to remove: after the lock was lost only when it can be had again, as a run that took
    /// over has marked the aggregates anew.
    /// </summary>
    public async Task<bool> MayHandBackAsync(FaultPolicy faults, CancellationToken cancellationToken) =>
        !IsLockLost || await faults.CallAsync(
            Server.Redis, "Regaining the run lock", runLock.TryRegainAsync, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}

using System.Globalization;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Cycle;

/// <summary>Why a run does not start or has to stop, in words for the operator.</summary>
internal sealed class RunFailures(ReplayRequest request)
{
    private readonly string _subject =
        (request.Shard is { } shard ? $"shard {shard} of " : "")
        + $"projection '{request.Projection.Definition.Name}' for tenant '{request.TenantId}'";

    /// <summary>How the run is to be run again.</summary>
    private string Again => request.IsRebuild
        ? "Run again with -Rebuild."
        : "Run again with -Resume to go on, or with -Restart to start over.";

    public ReplayException PreviousRunFound(long completed, long stale) => new(
        ReplayError.PreviousRunFound,
        string.Create(
            CultureInfo.InvariantCulture,
            $"An earlier replay of {_subject} left off half way: {completed:N0} aggregates are completed, {stale:N0} markers are left. "
                + $"Run again with -Resume to go on from there, or with -Restart to start over."));

    public ReplayException PreviousRunOfOthers(long completed, long stale) => new(
        ReplayError.PreviousRunFound,
        string.Create(
            CultureInfo.InvariantCulture,
            $"An earlier replay of {_subject} left off half way: of aggregates that were not chosen, "
                + $"{completed:N0} are completed and {stale:N0} markers are left. "
                + $"That run comes first, so that the two are not mixed up: run again without -AggregateId, with -Resume or -Restart, "
                + $"or remove what it left with Clear-ReplayMarker. Then try again."));

    public ReplayException RebuildInterrupted() => new(
        ReplayError.RebuildInterrupted,
        $"A rebuild of {_subject} was interrupted, so that its counters hold only a part. Run again with -Rebuild.");

    public ReplayException CountersUnexplained(CounterHoldings holdings) => new(
        ReplayError.CountersUnexplained,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The counters of tenant '{request.TenantId}' hold {holdings.Counted:N0} events, and earlier replays have added "
                + $"{holdings.Recorded:N0} of them: live handlers counted the others. Which these are nobody knows, so that a replay "
                + $"would count some events twice. Nothing was changed. Run again with -Rebuild, which counts every event once; "
                + $"or with -Force to add to the counters all the same, if live handlers have counted nothing of what is replayed."));

    public ReplayException CountsMissing(CounterHoldings holdings) => new(
        ReplayError.RowsMissing,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The counters of tenant '{request.TenantId}' hold {holdings.Counted:N0} events, though earlier replays have added "
                + $"{holdings.Recorded:N0}: rows were removed or changed. A replay leaves out what was added before, and so they stay "
                + $"missing. Nothing was changed. Run again with -Rebuild, which counts every event once; "
                + $"or with -Force, if what is missing is to stay so."));

    public ReplayException RowsMissing(long rows, long completed) => new(
        ReplayError.RowsMissing,
        string.Create(
            CultureInfo.InvariantCulture,
            $"Table {request.Projection.Definition.Table} has {rows:N0} rows of tenant '{request.TenantId}', though an interrupted run "
                + $"completed {completed:N0} aggregates: rows were removed since, and going on would leave them out. "
                + $"Nothing was changed. Run again with -Restart; or with -Force, if what is missing is to stay so."));

    public ReplayException Locked(ReplayLockOccupant other) => new(
        ReplayError.ReplayLocked,
        IsOfSameScope(other)
            ? $"Another replay of {_subject} is at work: {Describe(other)}. Wait for it to end, or stop it, then try again."
            : $"A replay for {other.Scope} is at work: {Describe(other)}. "
                + $"It has aggregates in common with {_subject}: only shards of one count run side by side. "
                + "Wait for it to end, or stop it, then try again.");

    public string WaitingFor(ReplayLockOccupant other) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(IsOfSameScope(other) ? $"The lock of {_subject}" : $"The lock for {other.Scope}, in the way of {_subject},")} "
            + $"is held by {other.Holder?.ToString() ?? "an unknown run"}. "
            + $"Waiting up to {request.Options.LockExpiry.TotalSeconds:0.###} s, in case that run died.");

    public ReplayException LockLost(ReplayLock runLock, Exception exception) => runLock.RenewalFault is { } fault
        ? new ReplayException(
            ReplayError.RedisUnavailable,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Redis was out of reach for {request.Options.LockExpiry.TotalSeconds:0.###} s, "
                    + $"longer than the lock on {_subject} lasts unrenewed, so the run stopped ({fault.Message.TrimEnd('.')}). "
                    + $"Check that Redis is up. {Again}"),
            exception)
        : new ReplayException(
            ReplayError.ReplayLocked,
            $"The run lost its lock on {_subject} and stopped: another run took it, or this machine was held up. {Again}",
            exception);

    public ReplayException Abandoned(
        Exception exception, int number, int batchCount, bool isUnmarked, bool isCancelled, bool hasUnsettledCounts = false)
    {
        var (error, reason) = exception switch
        {
            _ when isCancelled => (ReplayError.ReplayFailed, "The run was cancelled."),
            ReplayException known => (known.Error, known.Message),
            InvalidEventPayloadException payload => (ReplayError.InvalidEventPayload, payload.Message),
            _ => (ReplayError.ReplayFailed, $"{exception.GetType().Name}: {exception.Message}"),
        };
        var before = number switch
        {
            1 => "no batch was completed",
            2 => "batch 1 stays completed",
            _ => string.Create(CultureInfo.InvariantCulture, $"batches 1 to {number - 1} stay completed"),
        };
        var late = hasUnsettledCounts
            ? "Counts of it were stored before late events were looked for: some that came in late may not be counted, "
                + "which only -Rebuild makes sure of. "
            : "";
        var again = error == ReplayError.MarkersLost && request.Projection.Definition.ReplaySafety == ReplaySafety.Increment
            ? "Run again with -Rebuild."
            : Again;
        return new ReplayException(
            error,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Batch {number} of {batchCount} was abandoned. {reason} "
                    + $"{(isUnmarked ? "Nothing is marked any more" : "Its aggregates may still be marked")}; {before}. {late}{again}"),
            exception);
    }

    private static string Describe(ReplayLockOccupant other) => other.Holder?.ToString() ?? "its holder cannot be told";

    private bool IsOfSameScope(ReplayLockOccupant other) => other.Scope.TenantId == request.TenantId && other.Scope.Shard == request.Shard;
}

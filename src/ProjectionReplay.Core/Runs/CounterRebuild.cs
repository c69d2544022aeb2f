using System.Globalization;
using System.Text;
using ProjectionReplay.Cycle;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;
using StackExchange.Redis;

namespace ProjectionReplay.Runs;

/// <summary>
/// Clears the way for building a tenant's counters anew. Live handlers have counted some of the events already, and
/// nobody knows which. So all aggregates are marked at once, and when no live job is at work on any of them what was counted
/// goes, together with what the ledger says of them. From there on each event is counted once: by the replay up to
/// an aggregate's cutoff, by live handlers after it.
/// </summary>
internal sealed class CounterRebuild(BatchContext context)
{
    private const int ChunkSize = 10_000;

    /// <summary>How long a moment without new aggregates is looked for.</summary>
    private const int RoundsInDrainTimeouts = 4;

    private static readonly TimeSpan PatienceAfterFailure = TimeSpan.FromSeconds(1);

    // All that is there: what is taken away was counted whenever it happened.
    private readonly EventSelection _selection = context.Selection with { Since = DateTimeOffset.UnixEpoch };

    /// <summary>The aggregates that were marked.</summary>
    public HashSet<AggregateKey> Marked { get; } = [];

    /// <summary>Checks that the rows can be built from the events that the run finds.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.RebuildNotPossible"/>.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (context.Definition.ReplaySafety != ReplaySafety.Increment)
        {
            throw new ReplayException(
                ReplayError.RebuildNotPossible,
                $"Projection '{context.Definition.Name}' needs no rebuild: "
                    + "the latest row wins, so that replaying it again, without -Rebuild, is exact.");
        }

        var first = await context.EventLog.FindFirstTimestampAsync(context.Selection, cancellationToken).ConfigureAwait(false);
        if (first is not { } timestamp || context.Request.Since <= timestamp)
        {
            await RefuseLossAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        throw new ReplayException(
            ReplayError.RebuildNotPossible,
            string.Create(
                CultureInfo.InvariantCulture,
                $"A rebuild deletes all counters of tenant '{context.Request.TenantId}', so it must find all of its aggregates: "
                    + $"the first event is of {timestamp.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, before the start date. "
                    + $"Give -Since {timestamp.UtcDateTime:yyyy-MM-dd} or earlier."));
    }

    /// <summary>Compares what is stored with what the log has. Null when the store does not know what it holds.</summary>
    public static async Task<RebuildOutlook?> LookAsync(
        IProjectionRun projection, EventSelection selection, ClickHouseEventLog log, CancellationToken cancellationToken)
    {
        // In this order: what comes to both meanwhile is not missed in the log.
        var holdings = await projection.FindHoldingsAsync(selection.TenantId, cancellationToken).ConfigureAwait(false);
        if (holdings is not { } found) return null;
        var first = await log.FindFirstTimestampAsync(selection, cancellationToken).ConfigureAwait(false);
        var events = await log.Retries.CallAsync(
            "Counting events", token => log.CountRowsAsync(selection, token), cancellationToken).ConfigureAwait(false);
        var expires = await log.Retries.CallAsync(
            "Looking at the event log", log.Table.HasTimeToLiveAsync, cancellationToken).ConfigureAwait(false);
        return RebuildOutlook.Of(found, events, first, expires);
    }

    /// <summary>Once more, under the lock, and before anything is marked.</summary>
    private async Task RefuseLossAsync(CancellationToken cancellationToken)
    {
        if (context.Request.AllowsLoss) return;
        var outlook = await LookAsync(
            context.Projection, context.Selection, context.EventLog, cancellationToken).ConfigureAwait(false);
        if (outlook is not { IsLossy: true }) return;
        throw new ReplayException(
            ReplayError.RebuildNotPossible,
            $"A rebuild would delete counts of tenant '{context.Request.TenantId}' that the event log cannot give back: "
                + $"its older events were removed, or have expired. {outlook} Nothing was changed. "
                + "Keep the counters as they are; or give -Rebuild -Force, if they may lose what is not in the log.");
    }

    /// <summary>Marks all aggregates, waits for the live jobs at work, and takes away what was counted by then.</summary>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>What is to be replayed: the aggregates that were marked, and no others.</returns>
    /// <remarks>
    /// An aggregate that is born meanwhile is counted by live handlers, who know of no mark. It must be marked too if any of
    /// that was counted before the counters were read: so these are read first, and then the log is looked at. Whatever is
    /// counted by then stands there. When all of it is marked, what was read is what the marked aggregates contributed, and
    /// nobody adds to that any more. Else the new ones are marked, and all is looked at once more. No lock is held, as
    /// taking away leaves what others have added since.
    /// </remarks>
    public async Task<DiscoveredAggregates> ClearAsync(CancellationToken cancellationToken)
    {
        var marked = Marked;
        var parts = await context.EventLog.Table.ListPartsAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyCollection<AggregateKey> found = await FindAllAsync(cancellationToken).ConfigureAwait(false);
        var started = context.TimeProvider.GetTimestamp();
        for (var round = 1; ; round++)
        {
            await MarkAsync([.. found.Where(marked.Add)], cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(0, DelicateMoment.BeforeBaseline, cancellationToken).ConfigureAwait(false);
            var baseline = await context.Projection.ReadBaselineAsync(
                context.Request.TenantId, cancellationToken).ConfigureAwait(false);
            await context.PauseAsync(0, DelicateMoment.AfterBaseline, cancellationToken).ConfigureAwait(false);
            (found, parts) = await FindNewAsync(parts, cancellationToken).ConfigureAwait(false);
            var isAllMarked = found.All(marked.Contains);
            if (isAllMarked && await TakeAwayAsync(baseline, cancellationToken).ConfigureAwait(false)) break;
            var why = isAllMarked
                ? "somebody took counts away meanwhile; reading the counters once more"
                : "new aggregates came in meanwhile; marking them as well";
            if (context.TimeProvider.GetElapsedTime(started) > context.Options.DrainTimeout * RoundsInDrainTimeouts)
            {
                throw isAllMarked ? TakenFrom(round) : TooBusy(round);
            }

            context.Reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"Look {round}: {why}."));
        }

        return await DiscoveredAggregates.FindAsync(
            context.EventLog, _selection, context.Request, cancellationToken, only: marked).ConfigureAwait(false);
    }

    private async Task<IReadOnlyCollection<AggregateKey>> FindAllAsync(CancellationToken cancellationToken)
    {
        var found = new HashSet<AggregateKey>();
        await DiscoveredAggregates.FindAsync(
            context.EventLog, _selection, context.Request, cancellationToken, key => found.Add(key)).ConfigureAwait(false);
        return found;
    }

    /// <summary>The aggregates that may have come in since some parts were listed, and the parts by now.</summary>
    private async Task<(IReadOnlyCollection<AggregateKey> Found, IReadOnlyList<ulong>? Parts)> FindNewAsync(
        IReadOnlyList<ulong>? parts, CancellationToken cancellationToken)
    {
        var log = context.EventLog;
        await log.Table.CatchUpAsync(context.Options.DrainTimeout, context.TimeProvider, cancellationToken).ConfigureAwait(false);

        // Listed before it is looked, so that what comes in between is looked at twice and not never.
        var now = await log.Table.ListPartsAsync(cancellationToken).ConfigureAwait(false);
        var found = parts is null
            ? null
            : await log.FindElsewhereAsync(_selection, parts, cancellationToken).ConfigureAwait(false);
        return (found ?? await FindAllAsync(cancellationToken).ConfigureAwait(false), now);
    }

    /// <summary>Takes away, under a record that says so: it goes again when nothing was taken away.</summary>
    private async Task<bool> TakeAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken)
    {
        var wasBegun = await context.Markers.BeginRebuildAsync(context.Request.TenantId, cancellationToken).ConfigureAwait(false);
        var isDone = true;
        try
        {
            isDone = await context.Projection.TakeAwayAsync(
                baseline, context.Markers.RequireLockAsync, cancellationToken).ConfigureAwait(false);
            return isDone;
        }
        catch
        {
            isDone = await WasTakenAwayAsync(baseline).ConfigureAwait(false);
            throw;
        }
        finally
        {
            if (!isDone && !wasBegun) await TryWithdrawAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Never throws: who cannot tell says that it was.</summary>
    private async Task<bool> WasTakenAwayAsync(CounterBaseline baseline)
    {
        try
        {
            using var patience = new CancellationTokenSource(PatienceAfterFailure, context.TimeProvider);
            return await context.Projection.IsTakenAwayAsync(baseline, patience.Token).ConfigureAwait(false);
        }
        catch (Exception)
        {
            return true;
        }
    }

    /// <summary>Never throws: a record that stays is untrue, and does no harm but to ask for another rebuild.</summary>
    private async Task TryWithdrawAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(PatienceAfterFailure, context.TimeProvider);
            await context.Markers.EndRebuildAsync(context.Request.TenantId, patience.Token).ConfigureAwait(false);
        }
        catch (Exception)
        {
            context.Reporter.Verbose("The record that a rebuild was begun could not be removed, though nothing was deleted.");
        }
    }

    private ReplayException TakenFrom(int round) => new(
        ReplayError.RebuildNotPossible,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The counters of tenant '{context.Request.TenantId}' are changed by somebody else: in {round:N0} looks they held less, "
                + $"or had fewer rows, a moment after they were read. Nothing was deleted. "
                + $"Stop what takes counts away, another rebuild or a clean-up, and try again."));

    private ReplayException TooBusy(int round) => new(
        ReplayError.RebuildNotPossible,
        string.Create(
            CultureInfo.InvariantCulture,
            $"Tenant '{context.Request.TenantId}' is too busy: in {round:N0} looks at the event log there were new aggregates each time, "
                + $"so that no moment was found to empty its counters. Nothing was deleted. "
                + $"Try again at a quieter time, or with a longer -DrainTimeout: it looks for {RoundsInDrainTimeouts} times that."));

    private async Task MarkAsync(List<AggregateKey> aggregates, CancellationToken cancellationToken)
    {
        foreach (var chunk in aggregates.Chunk(ChunkSize))
        {
            await context.Markers.MarkPendingAsync(
                chunk.Select(aggregate => (RedisValue)aggregate.ToString()), cancellationToken).ConfigureAwait(false);
        }

        foreach (var chunk in aggregates.Chunk(ChunkSize))
        {
            var keys = chunk.Select(aggregate => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(aggregate.ToString())));
            var stuck = await context.Drain.WaitAsync(keys, context.Options.DrainTimeout, cancellationToken).ConfigureAwait(false);
            if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
        }
    }
}

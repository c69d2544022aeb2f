using System.Globalization;
using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// Clears the way for building a tenant's counters anew. Live handlers have counted some of the events already, and
/// nobody knows which. So all aggregates are marked at once, and when no live job is at work on any of them the old
/// rows go, together with what the ledger says of them. From there on each event is counted once: by the replay up to
/// an aggregate's cutoff, by live handlers after it.
/// </summary>
internal sealed class CounterRebuild(BatchContext context)
{
    private const int ChunkSize = 10_000;

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

        var first = await context.Faults.CallAsync(
            Server.ClickHouse,
            "Looking for the first event",
            token => context.Servers.EventLog.FindFirstTimestampAsync(context.Selection, token),
            cancellationToken).ConfigureAwait(false);
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
        IProjectionRun projection,
        EventSelection selection,
        ClickHouseEventLog log,
        FaultPolicy faults,
        Server storeServer,
        CancellationToken cancellationToken)
    {
        // In this order: what comes to both meanwhile is not missed in the log.
        var holdings = await faults.CallAsync(
            storeServer, "Counting what is stored", token => projection.FindHoldingsAsync(selection.TenantId, token), cancellationToken)
            .ConfigureAwait(false);
        if (holdings is not { } found) return null;
        var first = await faults.CallAsync(
            Server.ClickHouse,
            "Looking for the first event",
            token => log.FindFirstTimestampAsync(selection, token),
            cancellationToken).ConfigureAwait(false);
        var events = await faults.CallAsync(
            Server.ClickHouse, "Counting events", token => log.CountRowsAsync(selection, token), cancellationToken).ConfigureAwait(false);
        var expires = await faults.CallAsync(
            Server.ClickHouse, "Looking at the event log", log.HasTimeToLiveAsync, cancellationToken).ConfigureAwait(false);
        return RebuildOutlook.Of(found, events, first, expires);
    }

    /// <summary>Once more, under the lock, and before anything is marked.</summary>
    private async Task RefuseLossAsync(CancellationToken cancellationToken)
    {
        if (context.Request.AllowsLoss) return;
        var outlook = await LookAsync(
            context.Projection,
            context.Selection,
            context.Servers.EventLog,
            context.Faults,
            context.StoreServer,
            cancellationToken).ConfigureAwait(false);
        if (outlook is not { IsLossy: true }) return;
        throw new ReplayException(
            ReplayError.RebuildNotPossible,
            $"A rebuild would delete counts of tenant '{context.Request.TenantId}' that the event log cannot give back: "
                + $"its older events were removed, or have expired. {outlook} Nothing was changed. "
                + "Keep the counters as they are; or give -Rebuild -Force, if they may lose what is not in the log.");
    }

    /// <summary>Marks all aggregates, waits for the live jobs at work, and deletes the old rows.</summary>
    /// <returns>What is to be replayed: what was found before, and what turned up meanwhile.</returns>
    public async Task<DiscoveredAggregates> ClearAsync(CancellationToken cancellationToken)
    {
        var marked = new HashSet<AggregateKey>();
        var (found, discovery) = await DiscoverAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            await MarkAsync([.. found.Where(marked.Add)], cancellationToken).ConfigureAwait(false);
            var isEmptied = await context.Faults.CallAsync(
                Server.Postgres,
                $"Emptying {context.Definition.Table}",
                token => context.Projection.EmptyAsync(context.Request.TenantId, FindAllAsync, token),
                cancellationToken).ConfigureAwait(false);
            if (isEmptied) return discovery;
        }

        // Whatever live handlers have counted stands in the log by now, as they can count no more. An aggregate that
        // is not marked yet was counted without the replay's knowing: it has to be marked first.
        async Task<IReadOnlyList<AggregateKey>?> FindAllAsync(CancellationToken token)
        {
            (found, discovery) = await DiscoverAsync(token).ConfigureAwait(false);
            return found.TrueForAll(marked.Contains) ? found : null;
        }
    }

    private Task<(List<AggregateKey> Found, DiscoveredAggregates Discovery)> DiscoverAsync(CancellationToken cancellationToken) =>
        context.Faults.CallAsync(
            Server.ClickHouse,
            "Discovering aggregates",
            async token =>
            {
                var found = new List<AggregateKey>();
                var discovery = await DiscoveredAggregates.FindAsync(
                    context.Servers.EventLog, context.Selection, context.Request, token, found.Add).ConfigureAwait(false);
                return (found, discovery);
            },
            cancellationToken);

    private async Task MarkAsync(List<AggregateKey> aggregates, CancellationToken cancellationToken)
    {
        foreach (var chunk in aggregates.Chunk(ChunkSize))
        {
            await context.Faults.CallAsync(
                Server.Redis,
                "Setting markers",
                token => context.Markers.MarkPendingAsync(chunk.Select(aggregate => (RedisValue)aggregate.ToString()), token),
                cancellationToken).ConfigureAwait(false);
        }

        foreach (var chunk in aggregates.Chunk(ChunkSize))
        {
            var keys = chunk.Select(aggregate => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(aggregate.ToString())));
            var stuck = await context.Faults.CallAsync(
                Server.Redis,
                "Watching jobs in flight",
                token => context.Drain.WaitAsync(keys, context.Options.DrainTimeout, token),
                cancellationToken).ConfigureAwait(false);
            if (stuck.Count > 0) throw DrainFailure.Create(context, stuck, "were in flight did not end");
        }
    }
}

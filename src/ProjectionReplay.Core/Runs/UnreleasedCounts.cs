using System.Globalization;
using ProjectionReplay.Cycle;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using StackExchange.Redis;

namespace ProjectionReplay.Runs;

/// <summary>
/// Settles aggregates whose counts a run had stored before it died, and that are marked still: live handlers may have skipped
/// late events by their cutoffs, and nobody has counted those. No later run would, as the ledger says that the aggregates are
/// accounted for. So all of them go to pending, which nobody skips by, and pass the cycle once more: what is missing is added.
/// </summary>
internal sealed class UnreleasedCounts(BatchContext context, PreviousRun previous, RunFailures failures)
{
    /// <summary>Their ids go into one parameter of a query, which servers limit to 128 KiB.</summary>
    private const int ChunkSize = 500;

    /// <summary>Settles those of the tenant. To be called under the lock, before stale markers are removed.</summary>
    public async Task SettleAsync(RunStop stop)
    {
        if (context.Definition.ReplaySafety != ReplaySafety.Increment) return;
        var keys = await previous.FindMarkedAsync(stop.Token).ConfigureAwait(false);
        var candidates = keys.SelectMany(Read).ToList();
        if (candidates.Count == 0) return;
        var stored = await context.Projection.FindReplayedAsync(candidates, stop.Token).ConfigureAwait(false);
        if (stored.Count == 0) return;

        var aggregates = stored.Keys.ToHashSet();
        var fields = aggregates.Select(aggregate => (RedisValue)aggregate.ToString()).ToHashSet();
        try
        {
            await context.Markers.MarkPendingAsync(fields, stop.Token).ConfigureAwait(false);

            // The others are the live handlers' until their batch comes.
            var others = keys.Select(key => (RedisValue)key).Where(key => !fields.Contains(key)).ToList();
            await context.Markers.RemoveAsync(others, stop.Token).ConfigureAwait(false);
            foreach (var chunk in aggregates.Chunk(ChunkSize))
            {
                await ReplayAsync([.. chunk], stop).ConfigureAwait(false);
            }
        }
        catch
        {
            await GiveBackAsync(fields, stop).ConfigureAwait(false);
            throw;
        }
    }

    private async Task ReplayAsync(HashSet<AggregateKey> aggregates, RunStop stop)
    {
        var discovery = await DiscoveredAggregates.FindAsync(
            context.EventLog, SelectionOf(aggregates), context.Request, stop.Token, only: aggregates).ConfigureAwait(false);
        context.Reporter.Verbose(string.Create(
            CultureInfo.InvariantCulture,
            $"{aggregates.Count:N0} aggregates were stored by the interrupted run, and not given back: "
                + $"their late events are counted first."));
        context.Reporter.Start(discovery.AggregateCount, discovery.Batches.Count);
        var settling = context with
        {
            Selection = discovery.Selection,
            IsResuming = false,
            ReadsAhead = false,
            IsSettling = true,
            HasDistinctKeys = false,
            Tally = new RunTally(),
        };
        var sequence = new BatchSequence(settling, discovery.Batches);
        await using (sequence.ConfigureAwait(false))
        {
            await new BatchPipeline(settling, sequence, failures, stop).RunAsync().ConfigureAwait(false);
        }
    }

    private async Task GiveBackAsync(HashSet<RedisValue> fields, RunStop stop)
    {
        context.Reporter.Warn(
            "Counts that an interrupted run had stored were to be completed, and were not: some events that came in late "
                + "may not be counted. -Rebuild counts them.");
        await stop.HandBackAsync(
            "an interrupted run", patience => context.Markers.RemoveAsync(fields, patience), context.Reporter).ConfigureAwait(false);
    }

    private EventSelection SelectionOf(HashSet<AggregateKey> aggregates) => context.Selection with
    {
        AggregateTypes = [.. aggregates.Select(aggregate => aggregate.AggregateType).Distinct(StringComparer.Ordinal)],
        AggregateIds = [.. aggregates.Select(aggregate => aggregate.AggregateId).Distinct(StringComparer.Ordinal)],
        Since = DateTimeOffset.UnixEpoch,
        Shard = null,
    };

    /// <summary>Which aggregates a key string may be of: a type may hold colons, and only the ledger tells.</summary>
    private IEnumerable<AggregateKey> Read(string key)
    {
        var rest = context.Request.TenantId.Length + 1;
        for (var colon = key.IndexOf(':', rest); colon >= 0; colon = key.IndexOf(':', colon + 1))
        {
            yield return new AggregateKey(context.Request.TenantId, key[rest..colon], key[(colon + 1)..]);
        }
    }
}

using System.Globalization;
using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Cycle;

/// <summary>
/// The folds of one batch, and how much of the event log they stand for: so that events which reached the log since are
/// found, and folded as well.
/// </summary>
internal sealed class BatchFolds(BatchContext context, BatchReport report)
{
    /// <summary>Up to so many, aggregates are read one by one; more are read in one go, with those between them.</summary>
    private const int FewAggregates = 32;

    private IReadOnlyList<IStreamFold> _folds = [];
    private readonly List<ReadExtent> _extents = [];
    private AggregateMemory? _memory;

    /// <summary>The aggregates, in key order.</summary>
    public IReadOnlyList<BatchAggregate> Aggregates { get; private set; } = [];

    private ClickHouseEventLog Log => context.EventLog;

    /// <summary>When the log was read last, by the clock's timestamp: what was folded stood in it by then.</summary>
    public long ReadAt { get; private set; }

    /// <summary>Folds the aggregates of a planned batch, whichever the log holds.</summary>
    public async Task ReadAsync(ReadAhead ahead, int index, CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var batch = await ahead.ReadAsync(index, report.AddEvents, cancellationToken).ConfigureAwait(false);
        (_memory, Aggregates, ReadAt) = (batch.Found, batch.Found.Aggregates, batch.ReadAt);
        _extents.AddRange(batch.Extents);
        _folds = [batch.Fold];
        TellRead("", batch.Extents.Sum(extent => extent.Rows), Aggregates.Count, started);
    }

    /// <summary>Folds aggregates, which are in key order and not folded yet, up to the last event that the log holds.</summary>
    public async Task LoadAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        Aggregates = aggregates;
        var results = await FoldAsync(
            AggregateStream.Cut(context.Selection, aggregates, context.Options.Concurrency), cancellationToken).ConfigureAwait(false);
        _extents.AddRange(results.Select(loaded => loaded.Extent));
        _folds = [.. results.Select(loaded => loaded.Fold)];
    }

    /// <summary>
    /// Takes those states out whose stored rows know of first events that the log has no longer.
    /// </summary>
    /// <returns>Their aggregates, in key order, which are part of the batch still.</returns>
    public async Task<IReadOnlyList<BatchAggregate>> FindPoorerAsync(CancellationToken cancellationToken)
    {
        var poorer = await context.Projection.SetAsideAsync(_folds, cancellationToken).ConfigureAwait(false);
        return poorer.Count == 0 ? [] : [.. Aggregates.Where(
            aggregate => poorer.Contains(AggregateHash.Of(aggregate.AggregateType, aggregate.IdUtf8)))];
    }

    /// <summary>Has some aggregates be none of the batch from here on.</summary>
    public void Forget(IReadOnlyList<BatchAggregate> aggregates)
    {
        var gone = aggregates.ToHashSet();
        Aggregates = [.. Aggregates.Where(aggregate => !gone.Contains(aggregate))];
        report.AddEvents(-aggregates.Sum(aggregate => aggregate.EventsFolded));
    }

    /// <summary>Stores everything that was folded, and lets go of it.</summary>
    public async Task StoreAsync(CancellationToken cancellationToken)
    {
        await StoreAsync(_folds, cancellationToken).ConfigureAwait(false);
        _folds = [];
    }

    /// <summary>Forgets the aggregates, of which nothing is left to do.</summary>
    public void Release()
    {
        Aggregates = [];

        // A command to Redis that was given up, and made again, may lie in a queue still, and would be sent with other keys.
        if (!context.Markers.Retries.HasRetried) _memory?.Return();
        _memory = null;
    }

    /// <summary>Folds aggregates again that got events since they were folded. Cheap when none did.</summary>
    /// <returns>How many did.</returns>
    public async Task<int> CatchUpAsync(CancellationToken cancellationToken)
    {
        await AwaitReplicaAsync(cancellationToken).ConfigureAwait(false);
        var grown = await FindGrownAsync(Aggregates, cancellationToken).ConfigureAwait(false);

        // What is stored last of an aggregate counts.
        if (grown.Count > 0) _folds = [.. _folds, .. await FoldAgainAsync(grown, cancellationToken).ConfigureAwait(false)];
        return grown.Count;
    }

    /// <summary>
    /// Looks which aggregates have more rows up to their cutoff than were folded. Cheap when there is nothing new: it reads
    /// event ids only of aggregates that have a new one.
    /// </summary>
    /// <param name="aggregates">The aggregates to look at, in key order.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task<List<BatchAggregate>> FindLateAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        await AwaitReplicaAsync(cancellationToken).ConfigureAwait(false);
        var candidates = await FindGrownAsync(aggregates, cancellationToken).ConfigureAwait(false);
        var isGrown = new bool[candidates.Count];
        await InParallelAsync(
            candidates.Count,
            async (index, token) => isGrown[index] = await HasGrownAsync(candidates[index], token).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        return [.. candidates.Where((_, index) => isGrown[index])];
    }

    /// <summary>
    /// Folds aggregates again, from their first event to the last that the log holds by now. The cutoffs move there.
    /// </summary>
    /// <param name="aggregates">The aggregates, of those that were loaded, in key order.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The folds, to be stored in place of what was stored.</returns>
    public async Task<IReadOnlyList<IStreamFold>> FoldAgainAsync(
        IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        var foldedBefore = aggregates.Sum(aggregate => aggregate.EventsFolded);
        var streams = aggregates.Count <= FewAggregates
            ? [.. aggregates.Select(aggregate => new AggregateStream(context.Selection, [aggregate]))]
            : AggregateStream.Cut(context.Selection, aggregates, context.Options.Concurrency);
        var results = await FoldAsync(streams, cancellationToken).ConfigureAwait(false);
        report.AddEvents(-foldedBefore);
        return [.. results.Select(again => again.Fold)];
    }

    /// <summary>Stores the folds of some of the aggregates, and disposes them.</summary>
    public async Task StoreAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken)
    {
        // Before, as what is stored is of this version itself then. Nobody else writes meanwhile.
        context.Tally.Overrule(await context.Projection.CountOverruledAsync(folds, cancellationToken).ConfigureAwait(false));
        var warnings = await context.Projection.StoreAsync(folds, cancellationToken).ConfigureAwait(false);
        foreach (var warning in warnings) context.Reporter.Warn(warning);
        foreach (var fold in folds) fold.Dispose();
    }

    /// <summary>
    /// Those of some aggregates that have more rows than when they were last looked at, whatever their event ids, in the same
    /// order.
    /// </summary>
    private async Task<List<BatchAggregate>> FindGrownAsync(IReadOnlyList<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        Dictionary<AggregateKey, BatchAggregate>? byId = null;
        var grown = new HashSet<BatchAggregate>();
        for (var i = 0; i < _extents.Count; i++)
        {
            var (range, rows, parts) = _extents[i];

            // Merged parts are unknown too, and hold nothing new as a rule.
            if (parts is not null
                && !await Log.HasRowsElsewhereAsync(context.Selection, range, parts, cancellationToken).ConfigureAwait(false))
            {
                continue;
            }

            var count = await Log.Retries.CallAsync(
                ClickHouseEventLog.CountingAgain,
                token => Log.CountRowsAsync(context.Selection, range, token),
                cancellationToken).ConfigureAwait(false);
            if (count == rows && !Log.Table.MayLoseRows) continue;
            byId ??= aggregates.ToDictionary(aggregate => aggregate.ToKey());
            grown.UnionWith(await FindGrownAsync(range, count, byId, cancellationToken).ConfigureAwait(false));
            if (Log.Table.MayLoseRows)
            {
                grown.UnionWith(await FindRenewedAsync(range, byId, cancellationToken).ConfigureAwait(false));
            }

            _extents[i] = _extents[i] with { Rows = count };
        }

        return grown.Count == 0 ? [] : [.. aggregates.Where(grown.Contains)];
    }

    private async Task AwaitReplicaAsync(CancellationToken cancellationToken)
    {
        await Log.Table.CatchUpAsync(context.Options.DrainTimeout, context.TimeProvider, cancellationToken).ConfigureAwait(false);
        if (Log.Table.ReplicaDoubt is { } doubt) context.Reporter.Warn(doubt);
    }

    private async Task<List<BatchAggregate>> FindGrownAsync(
        AggregateRange range, long rows, Dictionary<AggregateKey, BatchAggregate> byId, CancellationToken cancellationToken)
    {
        var counts = await Log.Retries.CallAsync(
            ClickHouseEventLog.CountingAgain,
            async token =>
            {
                var found = new List<(BatchAggregate Aggregate, long Count)>();
                long sum = 0;
                await Log.Aggregates.CountRowsAsync(
                    context.Selection,
                    range,
                    (type, id, count) =>
                    {
                        sum += count;
                        var key = new AggregateKey(context.Selection.TenantId, type, Encoding.UTF8.GetString(id));
                        if (byId.TryGetValue(key, out var aggregate)) found.Add((aggregate, count));
                    },
                    token).ConfigureAwait(false);

                // Rows may go as well: twins of one event are merged, old ones expire.
                if (sum >= rows) return found;
                rows = await Log.CountRowsAsync(context.Selection, range, token).ConfigureAwait(false);
                return sum >= rows ? found : throw AnswerIncompleteException.EndsEarly("it counts too few rows");
            },
            cancellationToken).ConfigureAwait(false);

        return [.. counts.Where(found => found.Aggregate.Grow(found.Count)).Select(found => found.Aggregate)];
    }

    /// <summary>
    /// Where rows go too, as many may have gone as came: those that came are known by their age. What was inserted a moment before
    /// the log was read is among them, and folded once more in vain.
    /// </summary>
    private async Task<List<BatchAggregate>> FindRenewedAsync(
        AggregateRange range, Dictionary<AggregateKey, BatchAggregate> byId, CancellationToken cancellationToken)
    {
        var age = context.TimeProvider.GetElapsedTime(ReadAt) + context.Options.StagingGrace + TimeSpan.FromSeconds(1);
        return await Log.Retries.CallAsync(
            "Looking for new events",
            async token =>
            {
                var found = new List<BatchAggregate>();
                await Log.Aggregates.FindRenewedAsync(
                    context.Selection,
                    range,
                    age,
                    (type, id, _) =>
                    {
                        var key = new AggregateKey(context.Selection.TenantId, type, Encoding.UTF8.GetString(id));
                        if (!byId.TryGetValue(key, out var aggregate)) return;
                        aggregate.Renew();
                        found.Add(aggregate);
                    },
                    token).ConfigureAwait(false);
                return found;
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<bool> HasGrownAsync(BatchAggregate aggregate, CancellationToken cancellationToken)
    {
        if (aggregate.Cutoff is not { } cutoff) return true;
        var count = await Log.CountRowsUpToAsync(
            context.Selection, aggregate.ToKey(), cutoff, cancellationToken).ConfigureAwait(false);
        return count > aggregate.RowsFolded;
    }

    private async Task<FoldedStream[]> FoldAsync(List<AggregateStream> streams, CancellationToken cancellationToken)
    {
        var results = new FoldedStream[streams.Count];
        await InParallelAsync(
            streams.Count,
            async (index, token) =>
            {
                var started = context.TimeProvider.GetTimestamp();
                results[index] = await streams[index].FoldAsync(context.Reading, report.AddEvents, token).ConfigureAwait(false);
                TellRead($"stream {index + 1} of {streams.Count} ", results[index].Extent.Rows, streams[index].Aggregates.Count, started);
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var result in results) ReadAt = Math.Max(ReadAt, result.ReadAt);
        return results;
    }

    private void TellRead(string what, long rows, int aggregates, long started) => context.Reporter.Debug(string.Create(
        CultureInfo.InvariantCulture,
        $"Batch {report.Number}: {what}read {rows:N0} rows of {aggregates:N0} aggregates "
            + $"in {context.TimeProvider.GetElapsedTime(started).TotalMilliseconds:N0} ms."));

    private Task InParallelAsync(int count, Func<int, CancellationToken, ValueTask> work, CancellationToken cancellationToken) =>
        Parallel.ForAsync(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = context.Options.Concurrency, CancellationToken = cancellationToken },
            work);
}

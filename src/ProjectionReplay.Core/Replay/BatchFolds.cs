using ProjectionReplay.Events;

namespace ProjectionReplay.Replay;

/// <summary>
/// The folds of one batch, and how much of the event log they stand for: so that events which reached the log late,
/// with ids at or before the cutoff, are found and folded as well. The live handlers skip those.
/// </summary>
internal sealed class BatchFolds(BatchContext context)
{
    private readonly List<IStreamFold> _folds = [];
    private readonly Dictionary<AggregateKey, Standing> _standings = [];

    /// <summary>The aggregates, in key order.</summary>
    public IReadOnlyList<AggregateKey> Aggregates { get; private set; } = [];

    /// <summary>Folds aggregates, which are in key order and not folded yet.</summary>
    public async Task LoadAsync(IReadOnlyList<BoundedAggregate> bounded, CancellationToken cancellationToken)
    {
        Aggregates = [.. bounded.Select(aggregate => aggregate.Key)];
        var streams = AggregateStream.Cut(context.Selection, bounded, context.Options.Concurrency);
        var results = new FoldedStream[streams.Count];
        await InParallelAsync(streams.Count, async (index, token) => results[index] = await FoldAsync(streams[index], token).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        foreach (var (stream, result) in streams.Zip(results)) Keep(stream, result);
    }

    /// <summary>Stores everything that was folded. May be repeated.</summary>
    public Task StoreAsync(CancellationToken cancellationToken) => StoreAsync(_folds, Aggregates, cancellationToken);

    /// <summary>
    /// Looks which aggregates have more rows up to their cutoff than were folded, and how long ago the last row of each
    /// was inserted. Cheap when there is nothing new: it reads no event id, unless an aggregate has any new row at all.
    /// </summary>
    /// <param name="aggregates">The aggregates to look at, in key order.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task<(HashSet<AggregateKey> Grown, Dictionary<AggregateKey, TimeSpan> Ages)> InspectAsync(
        IReadOnlyList<AggregateKey> aggregates, CancellationToken cancellationToken)
    {
        var ages = aggregates.ToDictionary(aggregate => aggregate, _ => TimeSpan.MaxValue);
        var candidates = new List<Standing>();
        foreach (var range in AggregateRange.Cover(aggregates))
        {
            var extents = await context.Faults.CallAsync(
                Server.ClickHouse, "Counting events again", token => context.Servers.EventLog.ReadExtentsAsync(context.Selection, range, token), cancellationToken).ConfigureAwait(false);
            foreach (var extent in extents)
            {
                var key = new AggregateKey(context.Selection.TenantId, range.AggregateType, extent.AggregateId);
                if (!ages.ContainsKey(key)) continue;
                ages[key] = extent.Age;
                var standing = _standings[key];
                if (extent.RowCount <= standing.RowsSeen) continue;
                standing.RowsSeen = extent.RowCount;
                candidates.Add(standing);
            }
        }

        var upToCutoff = new long[candidates.Count];
        await InParallelAsync(
            candidates.Count,
            async (index, token) =>
            {
                var aggregate = candidates[index].Aggregate;
                upToCutoff[index] = await context.Faults.CallAsync(
                    Server.ClickHouse,
                    "Counting events again",
                    retry => context.Servers.EventLog.CountRowsUpToAsync(context.Selection, aggregate.Key, aggregate.Cutoff, retry),
                    token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        return ([.. candidates.Zip(upToCutoff).Where(pair => pair.Second > pair.First.RowsFolded).Select(pair => pair.First.Aggregate.Key)], ages);
    }

    /// <summary>
    /// Folds aggregates again, from their first event to the last one that the log holds by now.
    /// </summary>
    /// <param name="aggregates">The aggregates, of those that were loaded.</param>
    /// <param name="isStored">Whether to store them again, in place of what was stored.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The new cutoffs, by key string.</returns>
    public async Task<List<(string Key, string EventId)>> FoldAgainAsync(
        IReadOnlyList<AggregateKey> aggregates, bool isStored, CancellationToken cancellationToken)
    {
        var results = new (AggregateStream Stream, FoldedStream Folded)[aggregates.Count];
        await InParallelAsync(
            aggregates.Count,
            async (index, token) =>
            {
                var range = new AggregateRange(aggregates[index].AggregateType, aggregates[index].AggregateId, aggregates[index].AggregateId);
                var tails = await context.Faults.CallAsync(
                    Server.ClickHouse, "Reading cutoffs", retry => context.Servers.EventLog.ReadTailsAsync(context.Selection, range, retry), token).ConfigureAwait(false);
                var stream = new AggregateStream(context.Selection, [new BoundedAggregate(aggregates[index], tails[0].LastEventId, tails[0].RowCount)]);
                results[index] = (stream, await FoldAsync(stream, token).ConfigureAwait(false));
            },
            cancellationToken).ConfigureAwait(false);

        var keys = aggregates.ToHashSet();
        foreach (var fold in _folds) fold.Remove(keys);
        context.Reporter.AddEvents(-aggregates.Sum(aggregate => _standings[aggregate].EventsFolded));
        foreach (var (stream, result) in results) Keep(stream, result);
        if (isStored) await StoreAsync([.. results.Select(again => again.Folded.Fold)], keys, cancellationToken).ConfigureAwait(false);
        return [.. aggregates.Select(aggregate => (aggregate.ToString(), _standings[aggregate].Aggregate.Cutoff))];
    }

    private async Task StoreAsync(IReadOnlyList<IStreamFold> folds, IEnumerable<AggregateKey> keys, CancellationToken cancellationToken)
    {
        var cutoffs = keys.ToDictionary(key => key, key => _standings[key].Aggregate.Cutoff);
        var warnings = await context.Faults.CallAsync(
            context.StoreServer,
            $"Writing to {context.Definition.Table}",
            token => context.Projection.StoreAsync(folds, cutoffs, token),
            cancellationToken).ConfigureAwait(false);
        foreach (var warning in warnings) context.Reporter.Warn(warning);
    }

    private Task<FoldedStream> FoldAsync(AggregateStream stream, CancellationToken cancellationToken) => context.Faults.CallAsync(
        Server.ClickHouse,
        "Reading events",
        token => stream.FoldAsync(
            context.Servers.EventLog, context.Projection, context.Definition, context.Options.BatchSize, context.Reporter.AddEvents, token),
        cancellationToken);

    private void Keep(AggregateStream stream, FoldedStream result)
    {
        _folds.Add(result.Fold);
        foreach (var (aggregate, counts) in stream.Aggregates.Zip(result.Counts))
        {
            _standings[aggregate.Key] = new Standing(aggregate, counts.Rows, counts.Events)
            {
                RowsSeen = Math.Max(counts.Rows, _standings.GetValueOrDefault(aggregate.Key)?.RowsSeen ?? 0),
            };
        }
    }

    private Task InParallelAsync(int count, Func<int, CancellationToken, ValueTask> work, CancellationToken cancellationToken) => Parallel.ForAsync(
        0, count, new ParallelOptions { MaxDegreeOfParallelism = context.Options.Concurrency, CancellationToken = cancellationToken }, work);

    /// <summary>What is known of one aggregate.</summary>
    private sealed class Standing(BoundedAggregate aggregate, long rowsFolded, long eventsFolded)
    {
        public BoundedAggregate Aggregate { get; } = aggregate;

        /// <summary>Rows up to the cutoff that were folded, repeated events included.</summary>
        public long RowsFolded { get; } = rowsFolded;

        public long EventsFolded { get; } = eventsFolded;

        /// <summary>Rows of any event id when last looked at.</summary>
        public long RowsSeen { get; set; }
    }
}

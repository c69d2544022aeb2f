using ProjectionReplay.Events;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Folding;

/// <summary>What streams have in common: where their events come from, and what folds them.</summary>
/// <param name="EventLog">The event log.</param>
/// <param name="StartFold">Starts a fold; each stream has one of its own.</param>
/// <param name="Definition">The projection: which events and columns are read.</param>
/// <param name="PageSize">Rows that ClickHouse sends at a time.</param>
/// <param name="StagingGrace">How long a row is fresh: how soon after it is visible the live system has staged its job.</param>
/// <param name="TimeProvider">The clock.</param>
internal sealed record StreamReading(
    ClickHouseEventLog EventLog,
    Func<IStreamFold> StartFold,
    ProjectionDefinition Definition,
    int PageSize,
    TimeSpan StagingGrace,
    TimeProvider TimeProvider)
{
    /// <summary>What reading is called, where it is told that it is done again.</summary>
    public const string Operation = "Reading events";

    /// <summary>Proves answers with events.</summary>
    public AnswerProof Prove(EventSelection selection) => new(EventLog, selection, StagingGrace, TimeProvider);
}

/// <summary>What a stream came to.</summary>
/// <param name="Fold">The fold of its events.</param>
/// <param name="Extent">The stream's range, with all of its rows.</param>
/// <param name="ReadAt">A moment, by the clock's timestamp, at which the query was under way.</param>
internal readonly record struct FoldedStream(IStreamFold Fold, ReadExtent Extent, long ReadAt);

/// <summary>
/// Aggregates of one type that stand together in key order: read with one query, and folded as their events arrive.
/// </summary>
internal sealed class AggregateStream(EventSelection selection, IReadOnlyList<BatchAggregate> aggregates)
{
    /// <summary>
    /// Events that make a stream worth a query of its own: the server reads whole granules of 8,192 rows, one or two in
    /// vain at either end in every part of the table, and a log over many weeks has hundreds of parts.
    /// </summary>
    public const long PreferredEvents = 150_000;

    /// <summary>The aggregates, in key order.</summary>
    public IReadOnlyList<BatchAggregate> Aggregates => aggregates;

    /// <summary>From the first of them to the last.</summary>
    public AggregateRange Range { get; } = new(
        aggregates[0].AggregateType, aggregates[0].ToKey().AggregateId, aggregates[^1].ToKey().AggregateId);

    /// <summary>Cuts aggregates, which are in key order, into at most about <paramref name="concurrency"/> streams of like size.</summary>
    public static List<AggregateStream> Cut(EventSelection selection, IReadOnlyList<BatchAggregate> aggregates, int concurrency)
    {
        var target = Math.Max(PreferredEvents, aggregates.Sum(aggregate => aggregate.RowsSeen) / concurrency);
        var streams = new List<AggregateStream>();
        var current = new List<BatchAggregate>();
        long rows = 0;
        foreach (var aggregate in aggregates)
        {
            if (current.Count > 0 && (rows >= target || current[0].AggregateType != aggregate.AggregateType))
            {
                streams.Add(new AggregateStream(selection, current));
                (current, rows) = ([], 0);
            }

            current.Add(aggregate);
            rows += aggregate.RowsSeen;
        }

        if (current.Count > 0) streams.Add(new AggregateStream(selection, current));
        return streams;
    }

    /// <summary>
    /// Reads and folds all events that the log holds of the aggregates. What is done again starts from nothing.
    /// </summary>
    /// <param name="reading">Where the events come from, and what folds them.</param>
    /// <param name="addEvents">Told how many events were folded, now and then; a negative number when the work was in vain.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public Task<FoldedStream> FoldAsync(StreamReading reading, Action<long> addEvents, CancellationToken cancellationToken) =>
        reading.EventLog.Retries.CallAsync(
            StreamReading.Operation, token => FoldOnceAsync(reading, addEvents, token), cancellationToken);

    private async Task<FoldedStream> FoldOnceAsync(StreamReading reading, Action<long> addEvents, CancellationToken cancellationToken)
    {
        var (fold, lastEventIds) = (reading.StartFold(), new ByteBlocks());
        var pass = new EventPass(fold, reading.Definition.EventTypes, new ListedAggregates(aggregates, lastEventIds), lastEventIds);
        long reported = 0;
        try
        {
            var askedAt = reading.TimeProvider.GetTimestamp();
            var reader = await reading.EventLog.ReadAsync(
                selection,
                Range,
                reading.Definition.Columns,
                reading.StagingGrace,
                reading.PageSize,
                cancellationToken).ConfigureAwait(false);
            var readAt = reading.TimeProvider.GetTimestamp();
            IReadOnlyList<ulong>? parts;
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    try
                    {
                        for (; reader.TryPeek(out var row); reader.Advance()) pass.Accept(row);
                    }
                    catch (Exception exception) when (EventPass.IsAboutARow(exception))
                    {
                        await reader.BlameAsync(exception, cancellationToken).ConfigureAwait(false);
                    }

                    addEvents(pass.Folded - reported);
                    reported = pass.Folded;
                }

                parts = reader.Parts?.ToList();
            }

            var isAll = await reading.Prove(selection).ProveAsync(
                Range, pass.LastId, pass.RowsOfLast, askedAt, cancellationToken).ConfigureAwait(false);
            if (!isAll) parts = null;
            pass.Finish();
            return new FoldedStream(fold, new ReadExtent(Range, pass.RowsRead, parts), readAt);
        }
        catch
        {
            addEvents(-reported);
            fold.Dispose();
            throw;
        }
    }
}

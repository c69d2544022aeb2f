using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;

namespace ProjectionReplay.Cycle;

/// <summary>What reading a planned batch came to.</summary>
/// <param name="Fold">The fold of its events.</param>
/// <param name="Found">The aggregates that were found, in key order.</param>
/// <param name="Extents">The ranges of the batch, each with all of its rows.</param>
/// <param name="ReadAt">A moment, by the clock's timestamp, from which on rows may be missing.</param>
internal sealed record ReadBatch(
    IStreamFold Fold, AggregateMemory Found, IReadOnlyList<ReadExtent> Extents, long ReadAt);

/// <summary>
/// Reads planned batches that follow each other in the event log, and folds their events as they arrive. One query goes
/// through many batches: each query has the server read whole granules of 8,192 rows at both ends of its range, in every
/// part of the table, and a batch is no larger than a few of them. So a batch is read before its aggregates are marked,
/// and has to catch up with the log once they are. Not thread-safe: batches are read one after the other.
/// </summary>
/// <param name="selection">Which events.</param>
/// <param name="reading">Where the events come from, and what folds them.</param>
/// <param name="batches">The batches, in key order.</param>
internal sealed class ReadAhead(EventSelection selection, StreamReading reading, IReadOnlyList<PlannedBatch> batches) : IAsyncDisposable
{
    /// <summary>A query sees the log as it was when it started: the older it is, the more aggregates have to be read again.</summary>
    private static readonly TimeSpan LongestQuery = TimeSpan.FromSeconds(60);

    /// <summary>A server gives up on an answer that nobody takes, as a rule after 30 seconds.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private Query? _query;

    /// <summary>
    /// Reads a batch: all events that its query sees. They are read in order, or one of them once more.
    /// </summary>
    /// <param name="index">The batch, counted from 0.</param>
    /// <param name="addEvents">Told how many events were folded, now and then; a negative number when the work was in vain.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public Task<ReadBatch> ReadAsync(int index, Action<long> addEvents, CancellationToken cancellationToken) =>
        reading.EventLog.Retries.CallAsync(
            StreamReading.Operation, token => ReadOnceAsync(index, addEvents, token), cancellationToken);

    private async Task<ReadBatch> ReadOnceAsync(int index, Action<long> addEvents, CancellationToken cancellationToken)
    {
        var batch = batches[index];
        var fold = reading.StartFold();
        var found = AggregateMemory.Rent();
        var extents = new List<ReadExtent>();
        var readAt = long.MaxValue;
        long folded = 0;
        try
        {
            foreach (var range in batch.Ranges)
            {
                var query = await ContinueAsync(index, range, cancellationToken).ConfigureAwait(false);
                readAt = Math.Min(readAt, query.StartedAt);
                var prefix = new AggregateKeyPrefix(selection.TenantId, range.AggregateType);
                var pass = new EventPass(
                    fold, reading.Definition.EventTypes, new FoundAggregates(batch, prefix, found), found.LastEventIds);
                var isAll = await query.PassAsync(
                    range, pass, count => addEvents(Count(count)), cancellationToken).ConfigureAwait(false);
                query.UsedAt = reading.TimeProvider.GetTimestamp();
                extents.Add(new ReadExtent(range, pass.RowsRead, isAll ? query.Parts : null));
            }

            return new ReadBatch(fold, found, extents, readAt);
        }
        catch
        {
            addEvents(-folded);
            fold.Dispose();
            found.Return();
            await DisposeAsync().ConfigureAwait(false);
            throw;
        }

        long Count(long count)
        {
            folded += count;
            return count;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        var query = _query;
        _query = null;
        if (query is not null) await query.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The query that has a range before it: the one at hand, or a new one.</summary>
    private async Task<Query> ContinueAsync(int index, AggregateRange range, CancellationToken cancellationToken)
    {
        if (_query is { } query && query.Reaches(index, range.AggregateType) && IsYoung(query)) return query;
        await DisposeAsync().ConfigureAwait(false);
        var (last, lastBatch) = Extend(index, range);
        var asked = range with { LastId = last.LastId };
        var askedAt = reading.TimeProvider.GetTimestamp();
        var reader = await reading.EventLog.ReadAsync(
            selection,
            asked,
            reading.Definition.Columns,
            reading.StagingGrace,
            reading.PageSize,
            cancellationToken).ConfigureAwait(false);
        var now = reading.TimeProvider.GetTimestamp();
        return _query = new Query(reader, reading.Prove(selection), asked, lastBatch, askedAt, now) { UsedAt = now };
    }

    private bool IsYoung(Query query) =>
        reading.TimeProvider.GetElapsedTime(query.StartedAt) < LongestQuery
            && reading.TimeProvider.GetElapsedTime(query.UsedAt) < LongestPause;

    /// <summary>The last range that one query can go on to: of the same type, with nothing of another between.</summary>
    private (AggregateRange Last, int LastBatch) Extend(int index, AggregateRange range)
    {
        // The server makes a list of the aggregates that are wanted: of a batch, not of a tenant.
        if (selection.IsSparse) return (range, index);
        while (range == batches[index].Ranges[^1]
            && index + 1 < batches.Count
            && batches[index + 1].Ranges[0].AggregateType == range.AggregateType)
        {
            index++;
            range = batches[index].Ranges[0];
        }

        return (range, index);
    }

    /// <summary>A query under way, and how far it reaches.</summary>
    private sealed class Query(
        EventReader reader, AnswerProof proof, AggregateRange asked, int lastBatch, long askedAt, long startedAt) : IAsyncDisposable
    {
        private bool _isAtEnd;
        private bool _isAll = true;

        public long StartedAt => startedAt;

        /// <summary>The parts of the table that it reads, as far as rows have arrived.</summary>
        public IReadOnlyList<ulong>? Parts => reader.Parts?.ToList();

        /// <summary>When rows were taken last; the reader sees to it.</summary>
        public long UsedAt { get; set; }

        public bool Reaches(int batch, string type) => type == asked.AggregateType && batch <= lastBatch;

        public ValueTask DisposeAsync() => reader.DisposeAsync();

        /// <summary>Goes through the rows of the next range.</summary>
        /// <returns>Whether they are all that the log has by now, as far as the answer's end tells: what is before it is proven.</returns>
        public async Task<bool> PassAsync(AggregateRange range, EventPass pass, Action<long> addEvents, CancellationToken cancellationToken)
        {
            var (firstId, lastId) = (Encoding.UTF8.GetBytes(range.FirstId), Encoding.UTF8.GetBytes(range.LastId));
            long reported = 0;
            while (true)
            {
                var isPast = false;
                try
                {
                    isPast = Accept(firstId, lastId, pass);
                }
                catch (Exception exception) when (EventPass.IsAboutARow(exception))
                {
                    await reader.BlameAsync(exception, cancellationToken).ConfigureAwait(false);
                }

                addEvents(pass.Folded - reported);
                reported = pass.Folded;
                if (isPast || _isAtEnd) break;
                if (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) continue;
                _isAll = await proof.ProveAsync(
                    asked with { FirstId = range.FirstId }, pass.LastId, pass.RowsOfLast, askedAt, cancellationToken).ConfigureAwait(false);
                _isAtEnd = true;
            }

            pass.Finish();
            return _isAll;
        }

        /// <summary>Takes the rows that have arrived. Returns whether one of them is behind the range; it stays where it is.</summary>
        private bool Accept(byte[] firstId, byte[] lastId, EventPass pass)
        {
            for (; reader.TryPeek(out var row); reader.Advance())
            {
                if (!pass.IsOfCurrent(row))
                {
                    if (row.AggregateId.SequenceCompareTo(lastId) > 0) return true;

                    // An aggregate that is born since the batches were planned, between two of them, is nobody's.
                    if (row.AggregateId.SequenceCompareTo(firstId) < 0) continue;
                }

                pass.Accept(row);
            }

            return false;
        }
    }
}

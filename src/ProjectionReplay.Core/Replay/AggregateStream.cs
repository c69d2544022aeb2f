using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Replay;

/// <summary>An aggregate of a batch, with its boundary between replay and live handlers.</summary>
/// <param name="Key">The aggregate.</param>
/// <param name="Cutoff">The last event id that the replay folds.</param>
/// <param name="RowCount">The rows up to the cutoff that the log held when the cutoff was taken.</param>
internal readonly record struct BoundedAggregate(AggregateKey Key, string Cutoff, long RowCount);

/// <summary>What a stream came to.</summary>
/// <param name="Fold">The fold of its events.</param>
/// <param name="Counts">Of each of its aggregates, the rows up to the cutoff and the events folded: an event that stands twice is two rows.</param>
internal readonly record struct FoldedStream(IStreamFold Fold, IReadOnlyList<(long Rows, long Events)> Counts);

/// <summary>
/// Aggregates of one type that stand together in key order: read with one query, and folded as their events arrive.
/// </summary>
internal sealed class AggregateStream(EventSelection selection, IReadOnlyList<BoundedAggregate> aggregates)
{
    /// <summary>The aggregates, in key order.</summary>
    public IReadOnlyList<BoundedAggregate> Aggregates => aggregates;

    /// <summary>Below this, a second query costs more than it gains: an index granule is 8,192 rows.</summary>
    private const long SmallestStream = 32_768;

    /// <summary>Cuts a batch, which is in key order, into at most about <paramref name="concurrency"/> streams of like size.</summary>
    public static List<AggregateStream> Cut(EventSelection selection, IReadOnlyList<BoundedAggregate> aggregates, int concurrency)
    {
        var target = Math.Max(SmallestStream, aggregates.Sum(aggregate => aggregate.RowCount) / concurrency);
        var streams = new List<AggregateStream>();
        var current = new List<BoundedAggregate>();
        long rows = 0;
        foreach (var aggregate in aggregates)
        {
            if (current.Count > 0 && (rows >= target || current[0].Key.AggregateType != aggregate.Key.AggregateType))
            {
                streams.Add(new AggregateStream(selection, current));
                (current, rows) = ([], 0);
            }

            current.Add(aggregate);
            rows += aggregate.RowCount;
        }

        if (current.Count > 0) streams.Add(new AggregateStream(selection, current));
        return streams;
    }

    /// <summary>Reads and folds the events. May be repeated: each time starts from nothing.</summary>
    /// <param name="log">The event log.</param>
    /// <param name="run">The projection.</param>
    /// <param name="definition">The projection's definition.</param>
    /// <param name="pageSize">Events that ClickHouse sends at a time.</param>
    /// <param name="addEvents">Told how many events were folded, now and then; a negative number when the work was in vain.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task<FoldedStream> FoldAsync(
        ClickHouseEventLog log,
        IProjectionRun run,
        ProjectionDefinition definition,
        int pageSize,
        Action<long> addEvents,
        CancellationToken cancellationToken)
    {
        var pass = new Pass(run.StartFold(), definition.EventTypes, aggregates);
        long reported = 0;
        try
        {
            var range = new AggregateRange(
                aggregates[0].Key.AggregateType, aggregates[0].Key.AggregateId, aggregates[^1].Key.AggregateId);
            var reader = await log.ReadAsync(selection, range, definition.Columns, pageSize, cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    while (reader.TryRead(out var row)) pass.Accept(row);
                    addEvents(pass.Folded - reported);
                    reported = pass.Folded;
                }
            }

            return pass.Finish();
        }
        catch
        {
            addEvents(-reported);
            throw;
        }
    }

    /// <summary>
    /// One pass over the stream's rows. Rows and aggregates are both in key order, so they are merged, never looked up.
    /// </summary>
    private sealed class Pass(IStreamFold fold, IReadOnlyList<string> eventTypes, IReadOnlyList<BoundedAggregate> aggregates)
    {
        private readonly byte[][] _eventTypes = [.. eventTypes.Select(Encoding.UTF8.GetBytes)];

        // The aggregate whose rows are arriving; the batch's next one; whether the two are the same.
        private byte[]? _currentId;
        private int _next;
        private byte[] _nextId = Encoding.UTF8.GetBytes(aggregates[0].Key.AggregateId);
        private bool _isOurs;

        private byte[] _cutoff = [];
        private byte[] _lastEventId = new byte[256];
        private int _lastEventIdLength = -1;
        private readonly List<(long Rows, long Events)> _counts = new(aggregates.Count);
        private long _rows;
        private long _foldedBefore;

        /// <summary>Events folded.</summary>
        public long Folded { get; private set; }

        public void Accept(in EventRow row)
        {
            // An id may be empty, so that "none yet" has to be told from it.
            if (_currentId is null || !row.AggregateId.SequenceEqual(_currentId)) Enter(row.AggregateId);

            // An event after the cutoff is the live handler's.
            if (!_isOurs || row.EventId.SequenceCompareTo(_cutoff) > 0) return;
            _rows++;

            // Inserts are at-least-once: the same event may stand twice, side by side.
            if (_lastEventIdLength == row.EventId.Length && row.EventId.SequenceEqual(_lastEventId.AsSpan(0, _lastEventIdLength))) return;
            Remember(row.EventId);
            Fold(row);
            Folded++;
        }

        public FoldedStream Finish()
        {
            Leave();
            if (_next < aggregates.Count) throw Incomplete(aggregates[_next], 0);
            return new FoldedStream(fold, _counts);
        }

        private void Enter(ReadOnlySpan<byte> aggregateId)
        {
            Leave();
            if (_currentId is not null && aggregateId.SequenceCompareTo(_currentId) < 0)
            {
                throw new IOException("ClickHouse sent rows out of order, or broke off its answer.");
            }

            var order = _next < aggregates.Count ? aggregateId.SequenceCompareTo(_nextId) : -1;
            if (order > 0) throw Incomplete(aggregates[_next], 0);
            _isOurs = order == 0;
            _currentId = _isOurs ? _nextId : aggregateId.ToArray();
            if (_isOurs) _cutoff = Encoding.UTF8.GetBytes(aggregates[_next].Cutoff);
            _lastEventIdLength = -1;
            _rows = 0;
        }

        /// <summary>Ends the aggregate in hand, which must have come whole: rows never leave the log.</summary>
        private void Leave()
        {
            if (!_isOurs) return;
            if (_rows < aggregates[_next].RowCount) throw Incomplete(aggregates[_next], _rows);
            fold.EndAggregate();
            _counts.Add((_rows, Folded - _foldedBefore));
            _foldedBefore = Folded;
            _isOurs = false;
            _next++;
            if (_next < aggregates.Count) _nextId = Encoding.UTF8.GetBytes(aggregates[_next].Key.AggregateId);
        }

        private void Remember(ReadOnlySpan<byte> eventId)
        {
            if (eventId.Length > _lastEventId.Length) _lastEventId = new byte[eventId.Length * 2];
            eventId.CopyTo(_lastEventId);
            _lastEventIdLength = eventId.Length;
        }

        private void Fold(in EventRow row)
        {
            var replayEvent = new ReplayEvent
            {
                Aggregate = aggregates[_next].Key,
                EventIdUtf8 = row.EventId,
                EventType = EventType(row.EventType),
                Timestamp = row.Timestamp,
                OccurredAt = row.OccurredAt,
                Payload = row.Payload,
                VersionUtf8 = row.Version,
                TraceparentUtf8 = row.Traceparent,
            };
            try
            {
                fold.Apply(replayEvent);
            }
            catch (Exception exception) when (exception is not (InvalidEventPayloadException or ReplayException))
            {
                // Whatever a projection throws, it must not be mistaken for a server's fault.
                throw new ReplayException(
                    ReplayError.ReplayFailed,
                    $"The projection failed on event '{replayEvent.EventId}' of type '{replayEvent.EventType}': {exception.GetType().Name}: {exception.Message}",
                    exception);
            }
        }

        private string EventType(ReadOnlySpan<byte> utf8)
        {
            for (var i = 0; i < _eventTypes.Length; i++)
            {
                if (utf8.SequenceEqual(_eventTypes[i])) return eventTypes[i];
            }

            throw new IOException("ClickHouse sent an event type that was not asked for, or broke off its answer.");
        }

        private static IOException Incomplete(BoundedAggregate aggregate, long rows) => new(
            $"ClickHouse sent {rows} of the {aggregate.RowCount} rows of aggregate '{aggregate.Key}': a replica that lags behind, or a broken answer.");
    }
}

using System.Text;
using System.Text.Unicode;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Replay;

/// <summary>What streams have in common: where their events come from, and what folds them.</summary>
/// <param name="EventLog">The event log.</param>
/// <param name="StartFold">Starts a fold; each stream has one of its own.</param>
/// <param name="Definition">The projection: which events and columns are read.</param>
/// <param name="Options">The size of a page, and how long a row is fresh.</param>
/// <param name="TimeProvider">The clock.</param>
internal sealed record StreamReading(
    ClickHouseEventLog EventLog, Func<IStreamFold> StartFold, ProjectionDefinition Definition, ReplayOptions Options, TimeProvider TimeProvider);

/// <summary>What a stream came to.</summary>
/// <param name="Fold">The fold of its events.</param>
/// <param name="RowsRead">All rows of the stream's range, those of aggregates that are not the stream's included.</param>
/// <param name="ReadAt">A moment, by the clock's timestamp, at which the query was under way.</param>
internal readonly record struct FoldedStream(IStreamFold Fold, long RowsRead, long ReadAt);

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
        var target = Math.Max(PreferredEvents, aggregates.Sum(aggregate => aggregate.RowCount) / concurrency);
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
            rows += aggregate.RowCount;
        }

        if (current.Count > 0) streams.Add(new AggregateStream(selection, current));
        return streams;
    }

    /// <summary>
    /// Reads and folds all events that the log holds of the aggregates. May be repeated: each time starts from nothing.
    /// </summary>
    /// <param name="reading">Where the events come from, and what folds them.</param>
    /// <param name="addEvents">Told how many events were folded, now and then; a negative number when the work was in vain.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task<FoldedStream> FoldAsync(StreamReading reading, Action<long> addEvents, CancellationToken cancellationToken)
    {
        var pass = new Pass(reading.StartFold(), reading.Definition.EventTypes, aggregates);
        long reported = 0;
        try
        {
            var reader = await reading.EventLog.ReadAsync(
                selection, Range, reading.Definition.Columns, reading.Options.StagingGrace, reading.Options.BatchSize, cancellationToken).ConfigureAwait(false);
            var readAt = reading.TimeProvider.GetTimestamp();
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    while (reader.TryRead(out var row)) pass.Accept(row);
                    addEvents(pass.Folded - reported);
                    reported = pass.Folded;
                }
            }

            return pass.Finish(readAt);
        }
        catch
        {
            addEvents(-reported);
            pass.Fold.Dispose();
            throw;
        }
    }

    /// <summary>
    /// One pass over the stream's rows. Rows and aggregates are both in key order, so they are merged, never looked up.
    /// </summary>
    private sealed class Pass(IStreamFold fold, IReadOnlyList<string> eventTypes, IReadOnlyList<BatchAggregate> aggregates)
    {
        private readonly byte[][] _eventTypes = [.. eventTypes.Select(Encoding.UTF8.GetBytes)];
        private readonly ByteBlocks _cutoffs = new();
        private int _ended;

        // The aggregate whose rows are arriving: one of ours, or one that stands between two of ours.
        private byte[] _currentId = new byte[256];
        private int _currentIdLength = -1;
        private BatchAggregate? _current;
        private AggregateKey _currentKey;

        private byte[] _lastEventId = new byte[256];
        private int _lastEventIdLength = -1;
        private byte[] _greatestEventId = new byte[256];
        private int _greatestEventIdLength;
        private long _rows;
        private long _rowsRead;
        private long _foldedBefore;
        private bool _isFresh;

        public IStreamFold Fold => fold;

        /// <summary>Events folded.</summary>
        public long Folded { get; private set; }

        public void Accept(in EventRow row)
        {
            _rowsRead++;

            // An id may be empty, so that "none yet" has to be told from it.
            if (_currentIdLength != row.AggregateId.Length || !row.AggregateId.SequenceEqual(_currentId.AsSpan(0, _currentIdLength))) Enter(row.AggregateId);

            if (_current is null) return;
            _rows++;
            _isFresh |= row.IsFresh;

            // Inserts are at-least-once: the same event may stand twice, side by side.
            if (_lastEventIdLength == row.EventId.Length && row.EventId.SequenceEqual(_lastEventId.AsSpan(0, _lastEventIdLength))) return;
            Remember(row.EventId, ref _lastEventId, ref _lastEventIdLength);
            if (_rows == 1 || row.EventId.SequenceCompareTo(_greatestEventId.AsSpan(0, _greatestEventIdLength)) > 0)
            {
                Remember(row.EventId, ref _greatestEventId, ref _greatestEventIdLength);
            }

            Apply(row);
            Folded++;
        }

        public FoldedStream Finish(long readAt)
        {
            Leave();
            SkipTo(aggregates.Count);
            return new FoldedStream(fold, _rowsRead, readAt);
        }

        private void Enter(ReadOnlySpan<byte> aggregateId)
        {
            Leave();
            if (_currentIdLength >= 0 && aggregateId.SequenceCompareTo(_currentId.AsSpan(0, _currentIdLength)) < 0)
            {
                throw new IOException("ClickHouse sent rows out of order, or broke off its answer.");
            }

            // Aggregates whose rows are gone from the log are passed by.
            var next = _ended;
            while (next < aggregates.Count && aggregateId.SequenceCompareTo(aggregates[next].IdUtf8) > 0) next++;
            SkipTo(next);

            _current = next < aggregates.Count && aggregateId.SequenceEqual(aggregates[next].IdUtf8) ? aggregates[next] : null;
            if (_current is not null) _currentKey = _current.ToKey();
            Remember(aggregateId, ref _currentId, ref _currentIdLength);
            _lastEventIdLength = -1;
            _greatestEventIdLength = 0;
            _rows = 0;
            _isFresh = false;
        }

        /// <summary>Ends the aggregate in hand.</summary>
        private void Leave()
        {
            if (_current is null) return;

            // Live handlers compare it with the ids that they know, as text.
            var lastEventId = _greatestEventId.AsSpan(0, _greatestEventIdLength);
            if (!Utf8.IsValid(lastEventId)) throw ClickHouseEventLog.NotText("EventId", lastEventId);
            End(lastEventId);
            _current.Keep(new AggregateFold { LastEventId = lastEventId, Rows = _rows, Events = Folded - _foldedBefore, IsFresh = _isFresh }, _cutoffs);
            _foldedBefore = Folded;
            _ended++;
            _current = null;
        }

        private void SkipTo(int count)
        {
            for (; _ended < count; _ended++) aggregates[_ended].Keep(default, _cutoffs);
        }

        private static void Remember(ReadOnlySpan<byte> eventId, ref byte[] buffer, ref int length)
        {
            if (eventId.Length > buffer.Length) buffer = new byte[eventId.Length * 2];
            eventId.CopyTo(buffer);
            length = eventId.Length;
        }

        private void Apply(in EventRow row)
        {
            var replayEvent = new ReplayEvent
            {
                Aggregate = _currentKey,
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
                throw Failed($"event '{replayEvent.EventId}' of type '{replayEvent.EventType}'", exception);
            }
        }

        private void End(ReadOnlySpan<byte> lastEventId)
        {
            try
            {
                fold.EndAggregate(lastEventId);
            }
            catch (Exception exception) when (exception is not ReplayException)
            {
                throw Failed($"the final state of aggregate '{_currentKey}'", exception);
            }
        }

        /// <summary>Whatever a projection throws, it must not be mistaken for a server's fault.</summary>
        private static ReplayException Failed(string what, Exception exception) => new(
            ReplayError.ReplayFailed, $"The projection failed on {what}: {exception.GetType().Name}: {exception.Message}", exception);

        private string EventType(ReadOnlySpan<byte> utf8)
        {
            for (var i = 0; i < _eventTypes.Length; i++)
            {
                if (utf8.SequenceEqual(_eventTypes[i])) return eventTypes[i];
            }

            throw new IOException("ClickHouse sent an event type that was not asked for, or broke off its answer.");
        }
    }
}

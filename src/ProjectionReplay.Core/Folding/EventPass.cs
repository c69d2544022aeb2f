using System.Text.Unicode;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Folding;

/// <summary>
/// One pass over the rows of a range, in key order: folds each event once, and tells each aggregate what was found of it.
/// Not thread-safe.
/// </summary>
/// <param name="fold">Folds the events.</param>
/// <param name="eventTypes">The event types, in the order in which they were asked for.</param>
/// <param name="roster">Which aggregates count.</param>
/// <param name="lastEventIds">Where the last event ids are kept.</param>
internal sealed class EventPass(IStreamFold fold, IReadOnlyList<string> eventTypes, IAggregateRoster roster, ByteBlocks lastEventIds)
{
    // The aggregate whose rows are arriving: one that counts, or one that does not.
    private byte[] _currentId = new byte[256];
    private int _currentIdLength = -1;
    private BatchAggregate? _current;
    private AggregateKey _currentKey;

    private byte[] _lastEventId = new byte[256];
    private int _lastEventIdLength = -1;
    private byte[] _greatestEventId = new byte[256];
    private int _greatestEventIdLength;
    private long _rows;
    private long _rowsBefore;
    private long _foldedBefore;
    private bool _isFresh;

    /// <summary>Events folded.</summary>
    public long Folded { get; private set; }

    /// <summary>All rows, those of aggregates that do not count included.</summary>
    public long RowsRead { get; private set; }

    /// <summary>The aggregate, UTF-8, of the last row, whether it counts or not; null when there was no row.</summary>
    public ReadOnlyMemory<byte>? LastId => _currentIdLength < 0 ? null : _currentId.AsMemory(0, _currentIdLength);

    /// <summary>All rows of that aggregate.</summary>
    public long RowsOfLast => RowsRead - _rowsBefore;

    /// <summary>Whether a row is of the aggregate whose rows are arriving.</summary>
    public bool IsOfCurrent(in EventRow row) =>
        _currentIdLength == row.AggregateId.Length && row.AggregateId.SequenceEqual(_currentId.AsSpan(0, _currentIdLength));

    /// <summary>Takes the next row.</summary>
    public void Accept(in EventRow row)
    {
        RowsRead++;

        // An id may be empty, so that "none yet" has to be told from it.
        if (!IsOfCurrent(row)) Enter(row.AggregateId);
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

    /// <summary>Whether <see cref="Accept"/> failed because of what a row says.</summary>
    public static bool IsAboutARow(Exception exception) =>
        exception is InvalidEventPayloadException or ReplayException or AnswerIncompleteException;

    /// <summary>Ends the last aggregate.</summary>
    public void Finish()
    {
        Leave();
        roster.Finish();
    }

    private void Enter(ReadOnlySpan<byte> aggregateId)
    {
        Leave();
        if (_currentIdLength >= 0 && aggregateId.SequenceCompareTo(_currentId.AsSpan(0, _currentIdLength)) < 0)
        {
            throw new AnswerIncompleteException("ClickHouse sent rows out of order, or broke off its answer.");
        }

        _current = roster.Find(aggregateId);
        if (_current is not null) _currentKey = _current.ToKey();
        Remember(aggregateId, ref _currentId, ref _currentIdLength);
        _rowsBefore = RowsRead - 1;
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
        if (!Utf8.IsValid(lastEventId)) throw EventLogText.NotText("EventId", lastEventId);
        End(lastEventId);
        _current.Keep(
            new AggregateFold { LastEventId = lastEventId, Rows = _rows, Events = Folded - _foldedBefore, IsFresh = _isFresh },
            lastEventIds);
        _foldedBefore = Folded;
        _current = null;
    }

    private static void Remember(ReadOnlySpan<byte> id, ref byte[] buffer, ref int length)
    {
        if (id.Length > buffer.Length) buffer = new byte[id.Length * 2];
        id.CopyTo(buffer);
        length = id.Length;
    }

    private void Apply(in EventRow row)
    {
        var replayEvent = new ReplayEvent
        {
            Aggregate = _currentKey,
            EventIdUtf8 = row.EventId,
            EventType = eventTypes[row.EventType],
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
}

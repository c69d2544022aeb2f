using System.Runtime.ExceptionServices;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Events;

/// <summary>
/// The rows of a range of aggregates, in key order, as they arrive: <see cref="FillAsync"/>, then
/// <see cref="TryPeek"/> and <see cref="Advance"/> until there is none, and again. Not thread-safe.
/// </summary>
internal sealed class EventReader(RowBinaryReader rows, EventColumns columns, int typeCount) : IAsyncDisposable
{
    // Until .NET has compiled a method a second time each HasFlag makes garbage, which is much for one asked at each row.
    private readonly bool _hasOccurredAt = columns.HasFlag(EventColumns.OccurredAt);
    private readonly bool _hasVersion = columns.HasFlag(EventColumns.Version);
    private readonly bool _hasPayload = columns.HasFlag(EventColumns.Payload);
    private readonly bool _hasTraceparent = columns.HasFlag(EventColumns.Traceparent);

    private int _rowLength;
    private ulong _part;

    /// <summary>The parts of the table that rows came from, of those left behind; null when the table has none.</summary>
    public PartsSeen? Parts { get; init; }

    /// <summary>Waits for more rows. False when there are none left.</summary>
    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) => rows.FillAsync(cancellationToken);

    /// <summary>
    /// Looks at the next row of what has arrived, and stays before it. The row is valid until the next <see cref="FillAsync"/>.
    /// </summary>
    public bool TryPeek(out EventRow row)
    {
        row = default;
        var cursor = new RowBinaryCursor(rows.Buffered);
        if (!cursor.TryReadString(out var aggregateId)
            || !cursor.TryReadString(out var eventId)
            || !cursor.TryReadUInt64(out var typeAndPart)
            || !cursor.TryReadUInt64(out var timestamp))
        {
            return false;
        }

        // An error's words, taken for a row, have no such number.
        var eventType = ((ushort)typeAndPart >> 1) - 1;
        if ((uint)eventType >= (uint)typeCount)
        {
            throw new AnswerIncompleteException("ClickHouse broke off its answer, or sent an event type that was not asked for.");
        }

        ulong occurredAt = 0;
        ReadOnlySpan<byte> version = default, payload = default, traceparent = default;
        if (_hasOccurredAt && !cursor.TryReadUInt64(out occurredAt)) return false;
        if (_hasVersion && !cursor.TryReadString(out version)) return false;
        if (_hasPayload && !cursor.TryReadString(out payload)) return false;
        if (_hasTraceparent && !cursor.TryReadString(out traceparent)) return false;

        row = new EventRow
        {
            AggregateId = aggregateId,
            EventId = eventId,
            EventType = eventType,
            Timestamp = (long)timestamp,
            IsFresh = (typeAndPart & 1) != 0,
            OccurredAt = (long)(occurredAt > 0 ? occurredAt : timestamp),
            Version = version,
            Payload = payload,
            Traceparent = traceparent,
        };
        (_rowLength, _part) = (cursor.Position, typeAndPart >> 16);
        return true;
    }

    /// <summary>Leaves the row behind that was looked at last.</summary>
    public void Advance()
    {
        rows.Advance(_rowLength);
        Parts?.Add(_part);
    }

    /// <summary>Rethrows what a row led to, or throws the server's error where that row was partly the error's words.</summary>
    public async Task BlameAsync(Exception exception, CancellationToken cancellationToken)
    {
        if (await rows.FindErrorAheadAsync(cancellationToken).ConfigureAwait(false) is { } error) throw error;
        ExceptionDispatchInfo.Throw(exception);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => rows.DisposeAsync();
}

/// <summary>One row of the event log: a view over the bytes just read.</summary>
internal readonly ref struct EventRow
{
    public ReadOnlySpan<byte> AggregateId { get; init; }

    public ReadOnlySpan<byte> EventId { get; init; }

    /// <summary>Which of the selection's event types it is, counted from 0.</summary>
    public int EventType { get; init; }

    public long Timestamp { get; init; }

    /// <summary>Whether the row was inserted a moment before it was read.</summary>
    public bool IsFresh { get; init; }

    public long OccurredAt { get; init; }

    public ReadOnlySpan<byte> Version { get; init; }

    public ReadOnlySpan<byte> Payload { get; init; }

    public ReadOnlySpan<byte> Traceparent { get; init; }
}

using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Events;

/// <summary>
/// The rows of a range of aggregates, in key order, as they arrive: <see cref="FillAsync"/>, then
/// <see cref="TryRead"/> until it says no, and again. Not thread-safe.
/// </summary>
internal sealed class EventReader(RowBinaryReader rows, EventColumns columns) : IAsyncDisposable
{
    /// <summary>Waits for more rows. False when there are none left.</summary>
    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) => rows.FillAsync(cancellationToken);

    /// <summary>Reads a row from what has arrived. The row is valid until the next <see cref="FillAsync"/>.</summary>
    public bool TryRead(out EventRow row)
    {
        row = default;
        var cursor = new RowBinaryCursor(rows.Buffered);
        if (!cursor.TryReadString(out var aggregateId)
            || !cursor.TryReadString(out var eventId)
            || !cursor.TryReadString(out var eventType)
            || !cursor.TryReadUInt64(out var timestamp)
            || !cursor.TryReadByte(out var isFresh))
        {
            return false;
        }

        ulong occurredAt = 0;
        ReadOnlySpan<byte> version = default, payload = default, traceparent = default;
        if (columns.HasFlag(EventColumns.OccurredAt) && !cursor.TryReadUInt64(out occurredAt)) return false;
        if (columns.HasFlag(EventColumns.Version) && !cursor.TryReadString(out version)) return false;
        if (columns.HasFlag(EventColumns.Payload) && !cursor.TryReadString(out payload)) return false;
        if (columns.HasFlag(EventColumns.Traceparent) && !cursor.TryReadString(out traceparent)) return false;

        row = new EventRow
        {
            AggregateId = aggregateId,
            EventId = eventId,
            EventType = eventType,
            Timestamp = (long)timestamp,
            IsFresh = isFresh != 0,
            OccurredAt = (long)(occurredAt > 0 ? occurredAt : timestamp),
            Version = version,
            Payload = payload,
            Traceparent = traceparent,
        };
        rows.Advance(cursor.Position);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => rows.DisposeAsync();
}

/// <summary>One row of the event log: a view over the bytes just read.</summary>
internal readonly ref struct EventRow
{
    public ReadOnlySpan<byte> AggregateId { get; init; }

    public ReadOnlySpan<byte> EventId { get; init; }

    public ReadOnlySpan<byte> EventType { get; init; }

    public long Timestamp { get; init; }

    /// <summary>Whether the row was inserted a moment before it was read.</summary>
    public bool IsFresh { get; init; }

    public long OccurredAt { get; init; }

    public ReadOnlySpan<byte> Version { get; init; }

    public ReadOnlySpan<byte> Payload { get; init; }

    public ReadOnlySpan<byte> Traceparent { get; init; }
}

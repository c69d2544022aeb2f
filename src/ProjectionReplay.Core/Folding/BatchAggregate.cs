using ProjectionReplay.Events;

namespace ProjectionReplay.Folding;

/// <summary>
/// An aggregate of a batch, and what the batch has folded of it. There are many at once: it holds its id as it came
/// from the log, in the one form that Redis is told it in, and makes up any other when asked.
/// </summary>
internal sealed class BatchAggregate
{
    private AggregateKeyPrefix _prefix = null!;

    /// <summary>Makes it one that nothing is folded of. To be called before anything else.</summary>
    /// <param name="prefix">Tenant and type.</param>
    /// <param name="aggregateId">The id, UTF-8.</param>
    /// <param name="rowCount">See <see cref="RowsSeen"/>; 0 while nobody has looked.</param>
    /// <param name="keys">Where to keep the key.</param>
    public void Start(AggregateKeyPrefix prefix, ReadOnlySpan<byte> aggregateId, long rowCount, ByteBlocks keys)
    {
        _prefix = prefix;
        KeyUtf8 = keys.Add(prefix.Utf8, aggregateId);
        Cutoff = null;
        (RowsFolded, EventsFolded, RowsSeen) = (0, 0, rowCount);
        (IsFresh, HasGrown) = (false, false);
    }

    /// <summary>The key string, UTF-8: the marker's field, and the group of the live queue.</summary>
    public ReadOnlyMemory<byte> KeyUtf8 { get; private set; }

    /// <summary>The aggregate id as the log sends it.</summary>
    public ReadOnlySpan<byte> IdUtf8 => KeyUtf8.Span[_prefix.Utf8.Length..];

    public string AggregateType => _prefix.AggregateType;

    /// <summary>The last event id folded, as it stands in the log; null while no event was found.</summary>
    public ReadOnlyMemory<byte>? Cutoff { get; private set; }

    /// <summary>Rows up to the cutoff that were folded, repeated events included.</summary>
    public long RowsFolded { get; private set; }

    /// <summary>Events folded.</summary>
    public long EventsFolded { get; private set; }

    /// <summary>Rows of any event id when last looked at.</summary>
    public long RowsSeen { get; private set; }

    /// <summary>Whether an event folded had only just been inserted, so that its live job may not be staged yet.</summary>
    public bool IsFresh { get; private set; }

    /// <summary>Whether rows came in after it was read.</summary>
    public bool HasGrown { get; private set; }

    /// <summary>The aggregate's identity. Makes it up each time.</summary>
    public AggregateKey ToKey() => _prefix.Key(IdUtf8);

    /// <summary>Notes how many rows there are by now. Returns whether that is more than there were.</summary>
    public bool Grow(long rows)
    {
        if (rows <= RowsSeen) return false;
        RowsSeen = rows;
        return HasGrown = true;
    }

    /// <summary>Notes that rows came in after it was read, however many there are by now.</summary>
    public void Renew() => HasGrown = true;

    /// <summary>Takes over what a stream found. May come again: the last one counts.</summary>
    /// <param name="fold">What was found.</param>
    /// <param name="cutoffs">Where to keep the cutoff.</param>
    public void Keep(in AggregateFold fold, ByteBlocks cutoffs)
    {
        // Live handlers skip by it, so that it never goes back.
        if (fold.Rows > 0 && (Cutoff is not { } cutoff || fold.LastEventId.SequenceCompareTo(cutoff.Span) > 0))
        {
            Cutoff = cutoffs.Add(fold.LastEventId);
        }

        RowsFolded = fold.Rows;
        EventsFolded = fold.Events;
        IsFresh = fold.IsFresh;
        RowsSeen = Math.Max(RowsSeen, fold.Rows);
    }
}

/// <summary>What a stream found of one aggregate.</summary>
internal readonly ref struct AggregateFold
{
    /// <summary>The greatest event id folded; of no meaning when there was no event.</summary>
    public ReadOnlySpan<byte> LastEventId { get; init; }

    /// <summary>Rows folded; an event that stands twice is two.</summary>
    public long Rows { get; init; }

    /// <summary>Events folded.</summary>
    public long Events { get; init; }

    /// <summary>Whether one of them had only just been inserted.</summary>
    public bool IsFresh { get; init; }
}

using System.Text;
using ProjectionReplay.Events;

namespace ProjectionReplay.Replay;

/// <summary>An aggregate of a batch, and what the batch has folded of it.</summary>
internal sealed class BatchAggregate(AggregateKey key, long rowCount)
{
    public AggregateKey Key { get; } = key;

    /// <summary>The key string: the marker's field, and the group of the live queue.</summary>
    public string KeyString { get; } = key.ToString();

    /// <summary>The aggregate id as the log sends it.</summary>
    public byte[] IdUtf8 { get; } = Encoding.UTF8.GetBytes(key.AggregateId);

    /// <summary>Rows that the log held when the aggregate was listed: an estimate of the work.</summary>
    public long RowCount { get; } = rowCount;

    /// <summary>The last event id folded, as it stands in the log; null while no event was found.</summary>
    public byte[]? Cutoff { get; private set; }

    /// <summary>Rows up to the cutoff that were folded, repeated events included.</summary>
    public long RowsFolded { get; private set; }

    /// <summary>Events folded.</summary>
    public long EventsFolded { get; private set; }

    /// <summary>Rows of any event id when last looked at.</summary>
    public long RowsSeen { get; set; }

    /// <summary>Whether an event folded had only just been inserted, so that its live job may not be staged yet.</summary>
    public bool IsFresh { get; private set; }

    /// <summary>Takes over what a stream found.</summary>
    public void Keep(in AggregateFold fold)
    {
        // Live handlers skip by it, so that it never goes back.
        if (Cutoff is null || fold.LastEventId.AsSpan().SequenceCompareTo(Cutoff) > 0) Cutoff = fold.LastEventId;
        RowsFolded = fold.Rows;
        EventsFolded = fold.Events;
        IsFresh = fold.IsFresh;
        RowsSeen = Math.Max(RowsSeen, fold.Rows);
    }
}

/// <summary>What a stream found of one aggregate.</summary>
/// <param name="LastEventId">The greatest event id folded, or null when there was no event.</param>
/// <param name="Rows">Rows folded; an event that stands twice is two.</param>
/// <param name="Events">Events folded.</param>
/// <param name="IsFresh">Whether one of them had only just been inserted.</param>
internal readonly record struct AggregateFold(byte[]? LastEventId, long Rows, long Events, bool IsFresh);

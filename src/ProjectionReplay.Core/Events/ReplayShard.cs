using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Events;

/// <summary>
/// A part of a tenant's aggregates: shard <c>3/8</c> are those whose <c>cityHash64(AggregateId) % 8 = 2</c>. The shards
/// of one count are about alike in size, have no aggregate in common, and make up the whole. Immutable.
/// </summary>
public sealed record ReplayShard
{
    /// <summary>More than anybody would start at once.</summary>
    private const int MostShards = 4096;

    /// <summary>Creates the shard.</summary>
    /// <param name="index">Which one, from 1 to <paramref name="count"/>.</param>
    /// <param name="count">How many there are, from 1 to 4096.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of them is not.</exception>
    public ReplayShard(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostShards);
        ArgumentOutOfRangeException.ThrowIfLessThan(index, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, count);
        (Index, Count) = (index, count);
    }

    /// <summary>Which of the shards, counted from 1.</summary>
    public int Index { get; }

    /// <summary>How many shards there are.</summary>
    public int Count { get; }

    /// <summary>Reads a shard written as <c>i/n</c>.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.OptionInvalid"/>, saying how it is written.</exception>
    public static ReplayShard Parse(string? text) => TryParse(text, out var shard) ? shard : throw new ReplayException(
        ReplayError.OptionInvalid,
        $"'{text}' is no shard. Give it as i/n, the i-th of n shards, such as 3/8: i from 1 to n, and n from 1 to {MostShards}.");

    /// <summary>Reads a shard written as <c>i/n</c>; false when the text is anything else.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ReplayShard? shard)
    {
        shard = null;
        if (text?.Split('/') is not [var first, var second]) return false;
        if (!int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var index)) return false;
        if (!int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var count)) return false;
        if (count is < 1 or > MostShards || index < 1 || index > count) return false;
        shard = new ReplayShard(index, count);
        return true;
    }

    /// <summary>All shards of a count, in order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is not from 1 to 4096.</exception>
    public static IEnumerable<ReplayShard> All(int count) => Enumerable.Range(1, count).Select(index => new ReplayShard(index, count));

    /// <summary>Whether an aggregate is of the shard, as ClickHouse would say.</summary>
    /// <param name="aggregateId">The aggregate's id.</param>
    public bool Includes(string aggregateId) => Includes(Encoding.UTF8.GetBytes(aggregateId));

    /// <summary>Whether an aggregate is of the shard, as ClickHouse would say.</summary>
    /// <param name="aggregateId">The aggregate's id, UTF-8.</param>
    public bool Includes(ReadOnlySpan<byte> aggregateId) => CityHash64.Hash(aggregateId) % (ulong)Count == (ulong)Index - 1;

    /// <summary>The shard as <c>i/n</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index}/{Count}");
}

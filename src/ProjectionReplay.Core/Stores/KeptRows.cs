namespace ProjectionReplay.Stores;

/// <summary>
/// Rows whose counterpart in the table has a time that the server once filled in, and that they are to keep: it goes behind
/// their other values. The others are as they were.
/// </summary>
internal sealed class KeptRows : IDisposable
{
    private readonly Dictionary<long, PlacedRows> _weeks = [];

    /// <summary>The rows that keep a time, by its week.</summary>
    public IReadOnlyDictionary<long, PlacedRows> Weeks => _weeks;

    /// <summary>The others.</summary>
    public PlacedRows Others { get; } = new();

    /// <summary>Adds rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="find">The time, ms since 1970 UTC, that a row keeps; null when it keeps none.</param>
    public void Add(PlacedRows rows, FindTime find) => rows.Visit((owner, row) =>
    {
        if (find(row) is not { } time)
        {
            Others.Begin(owner).WriteBytes(row);
            return;
        }

        var week = PartitionGroups.WeekOf(time);
        if (!_weeks.TryGetValue(week, out var kept)) _weeks.Add(week, kept = new PlacedRows());
        var writer = kept.Begin(owner);
        writer.WriteBytes(row);
        writer.WriteInt64(time);
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var rows in _weeks.Values) rows.Dispose();
        Others.Dispose();
    }

    /// <summary>Tells the time that a row keeps.</summary>
    internal delegate long? FindTime(ReadOnlySpan<byte> row);
}

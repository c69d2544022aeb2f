using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Stores;

/// <summary>
/// Keeps states as the rows that they become, week by week of the table's partitions: a fraction of the memory, and
/// nothing for the garbage collector to walk through.
/// </summary>
internal sealed class RowBuffer<TState>(LatestRowTable<TState> table) : IStateBuffer<TState>
    where TState : class
{
    private readonly Dictionary<long, RowBinaryWriter> _weeks = [];
    private readonly HashSet<string> _cautions = new(StringComparer.Ordinal);

    /// <summary>The rows, by the week of their partition; all in one when the table has none.</summary>
    public IReadOnlyDictionary<long, RowBinaryWriter> Weeks => _weeks;

    /// <summary>What the operator is to be told of the states.</summary>
    public IEnumerable<string> Cautions => _cautions;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId)
    {
        var week = table.PartitionTime is { } time ? PartitionGroups.WeekOf(time(state)) : 0;
        if (!_weeks.TryGetValue(week, out var rows)) _weeks.Add(week, rows = new RowBinaryWriter());
        foreach (var column in table.Columns) column.Write(state, rows);
        foreach (var caution in table.Cautions)
        {
            if (caution.When(state.State)) _cautions.Add(caution.Message);
        }
    }

    public void Dispose()
    {
        foreach (var rows in _weeks.Values) rows.Dispose();
        _weeks.Clear();
    }
}

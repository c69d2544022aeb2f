using ProjectionReplay.Events;

namespace ProjectionReplay.Stores;

/// <summary>
/// Keeps states as the rows that they become, week by week of the table's partitions: a fraction of the memory, and
/// nothing for the garbage collector to walk through.
/// </summary>
internal sealed class RowBuffer<TState>(LatestRowTable<TState> table) : IStateBuffer<TState>
    where TState : class
{
    private readonly LatestRowTable<TState>.Column[] _columns = [.. table.Columns];
    private readonly LatestRowTable<TState>.Caution[] _allCautions = [.. table.Cautions];
    private readonly Dictionary<long, PlacedRows> _weeks = [];
    private readonly HashSet<string> _cautions = new(StringComparer.Ordinal);

    /// <summary>The rows, by the week of their partition; all in one when the table has none.</summary>
    public IReadOnlyDictionary<long, PlacedRows> Weeks => _weeks;

    /// <summary>What the operator is to be told of the states.</summary>
    public IEnumerable<string> Cautions => _cautions;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId)
    {
        var week = table.PartitionTime is { } time ? PartitionGroups.WeekOf(time(state)) : 0;
        if (!_weeks.TryGetValue(week, out var rows)) _weeks.Add(week, rows = new PlacedRows());
        var writer = rows.Begin(new RowOwner(AggregateHash.Of(state.Aggregate), AggregateHash.OfId(state.Aggregate.AggregateId)));
        foreach (var column in _columns) column.Write(state, writer);
        foreach (var caution in _allCautions)
        {
            if (caution.When(state.State)) _cautions.Add(caution.Message);
        }
    }

    /// <summary>Takes out the rows of some aggregates.</summary>
    public void Remove(IReadOnlySet<ulong> aggregates)
    {
        foreach (var rows in _weeks.Values) rows.Remove(aggregates);
    }

    public void Dispose()
    {
        foreach (var rows in _weeks.Values) rows.Dispose();
        _weeks.Clear();
    }
}

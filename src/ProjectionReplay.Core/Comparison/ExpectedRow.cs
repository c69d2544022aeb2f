using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>The row that a replay would store for an aggregate, as RowBinary.</summary>
/// <param name="Aggregate">The aggregate.</param>
/// <param name="Identity">What tells the row from others.</param>
/// <param name="Bytes">The values.</param>
/// <param name="Ends">Where each value ends.</param>
internal sealed record ExpectedRow(AggregateKey Aggregate, string Identity, byte[] Bytes, int[] Ends)
{
    /// <summary>The value of a column.</summary>
    public ReadOnlySpan<byte> this[int column] => ComparedTable.Slice(Bytes, Ends, column);
}

/// <summary>Keeps the rows that the states of one stream become. Writes nowhere.</summary>
internal sealed class ExpectedRows<TState>(LatestRowTable<TState> table, ComparedTable compared) : IStateBuffer<TState>
    where TState : class
{
    private readonly LatestRowTable<TState>.Column[] _columns = [.. table.Columns];
    private readonly int[] _indexes = [.. Enumerable.Range(0, table.Columns.Count)];
    private readonly List<ExpectedRow> _rows = [];
    private readonly RowBinaryWriter _writer = new();

    /// <summary>The rows, in the order of their aggregates.</summary>
    public IReadOnlyList<ExpectedRow> Rows => _rows;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId)
    {
        _writer.Clear();
        var ends = new int[_columns.Length];
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i].Write(state, _writer);
            ends[i] = checked((int)_writer.WrittenCount);
        }

        var bytes = _writer.ToArray();
        _rows.Add(new ExpectedRow(state.Aggregate, compared.Identify(bytes, ends, _indexes), bytes, ends));
    }

    public void Dispose() => _writer.Dispose();
}

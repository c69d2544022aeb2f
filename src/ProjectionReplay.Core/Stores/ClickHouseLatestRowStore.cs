using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Stores;

/// <summary>Writes states as new rows of a ReplacingMergeTree table, where the latest row wins.</summary>
/// <typeparam name="TState">The projection's state.</typeparam>
public sealed class ClickHouseLatestRowStore<TState>(ClickHouseDatabase database, LatestRowTable<TState> table) : IProjectionStore<TState>
    where TState : class
{
    internal ClickHouseDatabase Database => database;

    internal LatestRowTable<TState> Table => table;

    // Until the table was looked at, its types may be others than those that are written.
    private bool _isConverted = true;

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var types = await database.RequireColumnsAsync(table.Name, [.. table.Columns.Select(column => column.Name)], cancellationToken).ConfigureAwait(false);
        _isConverted = !table.Columns.All(column => RowBinaryType.AreSame(column.Type, types[column.Name]));
    }

    /// <inheritdoc/>
    public IStateBuffer<TState> CreateBuffer() => new RowBuffer<TState>(table);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        var gathered = buffers.Cast<RowBuffer<TState>>().ToList();
        foreach (var group in PartitionGroups.Cut(gathered.SelectMany(buffer => buffer.Weeks)))
        {
            await database.InsertAsync(
                table.Name,
                [.. table.Columns.Select(column => (column.Name, column.Type))],
                _isConverted,
                async (stream, token) =>
                {
                    foreach (var rows in group) await rows.WriteToAsync(stream, token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
        }

        return [.. gathered.SelectMany(buffer => buffer.Cautions).Distinct(StringComparer.Ordinal)];
    }
}

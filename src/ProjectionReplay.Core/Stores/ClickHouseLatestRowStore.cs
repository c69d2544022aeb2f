using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Stores;

/// <summary>Writes states as new rows of a ReplacingMergeTree table, where the latest row wins.</summary>
/// <typeparam name="TState">The projection's state.</typeparam>
public sealed class ClickHouseLatestRowStore<TState>(ClickHouseDatabase database, LatestRowTable<TState> table) : IProjectionStore<TState>
    where TState : class
{
    /// <summary>Bytes gathered before they are handed to the request: large enough to be rare, small enough to stay flat.</summary>
    private const int ChunkSize = 256 * 1024;

    // Until the table was looked at, its types may be others than those that are written.
    private bool _isConverted = true;

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var types = await database.RequireColumnsAsync(table.Name, [.. table.Columns.Select(column => column.Name)], cancellationToken).ConfigureAwait(false);
        _isConverted = !table.Columns.All(column => RowBinaryType.AreSame(column.Type, types[column.Name]));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(StateBatch<TState> batch, CancellationToken cancellationToken)
    {
        var states = batch.States;
        if (states.Count == 0) return [];

        foreach (var rows in PartitionGroups.Cut(states, table.PartitionTime))
        {
            await database.InsertAsync(
                table.Name,
                [.. table.Columns.Select(column => (column.Name, column.Type))],
                _isConverted,
                (stream, token) => WriteRowsAsync(rows, stream, token),
                cancellationToken).ConfigureAwait(false);
        }

        return [.. table.Cautions.Where(caution => states.Any(state => caution.When(state.State))).Select(caution => caution.Message)];
    }

    private async Task WriteRowsAsync(IReadOnlyList<ProjectedState<TState>> states, Stream stream, CancellationToken cancellationToken)
    {
        var writer = new RowBinaryWriter(ChunkSize);
        foreach (var state in states)
        {
            foreach (var column in table.Columns) column.Write(state, writer);
            if (writer.WrittenCount < ChunkSize) continue;
            await stream.WriteAsync(writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
            writer.Clear();
        }

        await stream.WriteAsync(writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }
}

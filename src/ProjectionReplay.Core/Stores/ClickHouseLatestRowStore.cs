using ProjectionReplay.ClickHouse;
using ProjectionReplay.Tables;

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
    public async Task CheckAsync(CancellationToken cancellationToken) =>
        (await InspectAsync(cancellationToken).ConfigureAwait(false)).Require();

    /// <inheritdoc/>
    public async Task<TableInspection> InspectAsync(CancellationToken cancellationToken)
    {
        var found = await database.ReadColumnsAsync(table.Name, cancellationToken).ConfigureAwait(false);
        _isConverted = !table.Columns.All(
            column => found.TryGetValue(column.Name, out var type) && RowBinaryType.AreSame(column.Type, type));
        var columns = new List<RequiredColumn>();
        foreach (var column in table.Columns)
        {
            var required = RowBinaryType.Written(column.Name, column.Type);
            var isRefused = found.TryGetValue(column.Name, out var type)
                && required.Judge(type) == TableVerdict.Doubtful
                && !await database.CanConvertAsync(column.Type, type, cancellationToken).ConfigureAwait(false);
            columns.Add(isRefused ? required with { Judge = static _ => TableVerdict.Unusable } : required);
        }

        return database.Describe(table.Name, columns).Judge(found);
    }

    /// <inheritdoc/>
    public async Task<long?> CountRowsAsync(string tenantId, CancellationToken cancellationToken)
    {
        const string Tenant = "TenantId";
        if (table.Columns.All(column => column.Name != Tenant)) return null;
        var query = new ClickHouseQuery(
            $"SELECT count() FROM {ClickHouseDatabase.Quote(table.Name)} WHERE {Tenant} = {"{tenantId:String}"}",
            [new("tenantId", "String", tenantId)]);
        return (long)(await database.QueryNumbersAsync(query, columns: 1, cancellationToken).ConfigureAwait(false))[0];
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

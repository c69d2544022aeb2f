using ClickHouse.Driver;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Stores;

/// <summary>Writes states as new rows of a ReplacingMergeTree table, where the latest row wins.</summary>
/// <typeparam name="TState">The projection's state.</typeparam>
public sealed class ClickHouseLatestRowStore<TState>(ClickHouseDatabase database, LatestRowTable<TState> table)
    : IProjectionStore<TState>, IStoredHistory<TState>
    where TState : class
{
    /// <summary>How long a replica of the table may take to fetch what the others have.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    internal ClickHouseDatabase Database => database;

    internal LatestRowTable<TState> Table => table;

    // Until the table was looked at, its types may be others than those that are written.
    private bool _isConverted = true;
    private EarlierRows<TState>? _earlier;
    private TableReplica? _replica;
    private string? _limit;
    private bool _hasManyPartitions;

    /// <inheritdoc/>
    string? IStoredHistory<TState>.Limit => _limit;

    /// <inheritdoc/>
    string? IStoredHistory<TState>.VersionColumn => _earlier?.VersionColumn;

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var (inspection, stored) = await LookAsync(cancellationToken).ConfigureAwait(false);
        inspection.Require();
        (_earlier, var engine, var limit) = await EarlierRows<TState>.OpenAsync(
            database, table, stored, cancellationToken).ConfigureAwait(false);
        _replica = TableReplica.Of(database, table.Name, engine);
        var isLimited = limit is not null && (table.HistoryColumns.Count > 0 || table.KeptColumn is not null);
        _limit = !isLimited ? null : $"Which rows of {table.Name} are there already is not looked at, as {limit}: "
            + "a replay overwrites also those that know of events which the log has lost.";
    }

    /// <inheritdoc/>
    public async Task<TableInspection> InspectAsync(CancellationToken cancellationToken) =>
        (await LookAsync(cancellationToken).ConfigureAwait(false)).Inspection;

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
    async Task<IReadOnlySet<ulong>> IStoredHistory<TState>.SetAsideAsync(
        IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        if (_earlier is not { } earlier) return new HashSet<ulong>();
        var gathered = buffers.Cast<RowBuffer<TState>>().ToList();
        KeepLast(gathered);
        await AwaitReplicaAsync(cancellationToken).ConfigureAwait(false);
        var richer = await earlier.FindRicherAsync(gathered, cancellationToken).ConfigureAwait(false);
        if (richer.Count > 0)
        {
            foreach (var buffer in gathered) buffer.Remove(richer);
        }

        return richer;
    }

    /// <inheritdoc/>
    async Task<int> IStoredHistory<TState>.CountOverruledAsync(
        IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        if (_earlier is not { } earlier) return 0;
        var gathered = buffers.Cast<RowBuffer<TState>>().ToList();
        KeepLast(gathered);
        await AwaitReplicaAsync(cancellationToken).ConfigureAwait(false);
        return await earlier.CountLaterAsync(gathered, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        var gathered = buffers.Cast<RowBuffer<TState>>().ToList();
        KeepLast(gathered);
        if (table.KeptColumn is { } kept && _earlier is { } earlier)
        {
            await StoreKeepingAsync(gathered, earlier, kept, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await StoreAsync(gathered.SelectMany(buffer => buffer.Weeks), [], cancellationToken).ConfigureAwait(false);
        }

        return [.. gathered.SelectMany(buffer => buffer.Cautions).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>What live handlers have stored may have come to another replica.</summary>
    private Task AwaitReplicaAsync(CancellationToken cancellationToken) =>
        _replica?.CatchUpAsync(s_patience, TimeProvider.System, cancellationToken) ?? Task.CompletedTask;

    /// <summary>
    /// Of an aggregate that was folded again only the last row is stored: where two have the same version nobody knows which one
    /// wins, as they may lie in different partitions.
    /// </summary>
    private static void KeepLast(List<RowBuffer<TState>> buffers)
    {
        var later = new HashSet<ulong>();
        for (var i = buffers.Count - 1; i >= 0; i--)
        {
            if (later.Count > 0) buffers[i].Remove(later);
            if (i > 0) later.UnionWith(buffers[i].Weeks.Values.SelectMany(rows => rows.Aggregates));
        }
    }

    private async Task StoreKeepingAsync(
        List<RowBuffer<TState>> buffers, EarlierRows<TState> earlier, string column, CancellationToken cancellationToken)
    {
        await AwaitReplicaAsync(cancellationToken).ConfigureAwait(false);
        var times = await earlier.ReadTimesAsync(buffers, column, cancellationToken).ConfigureAwait(false);
        using var rows = new KeptRows();
        foreach (var placed in buffers.SelectMany(buffer => buffer.Weeks.Values))
        {
            rows.Add(placed, row => times.TryGetValue(earlier.Identify(row), out var time) ? time[0] : null);
        }

        await StoreAsync([new(0, rows.Others)], [], cancellationToken).ConfigureAwait(false);
        await StoreAsync(rows.Weeks, [(column, "DateTime64(3)")], cancellationToken).ConfigureAwait(false);
    }

    private async Task StoreAsync(
        IEnumerable<KeyValuePair<long, PlacedRows>> weeks,
        IReadOnlyList<(string Name, string Type)> kept,
        CancellationToken cancellationToken)
    {
        foreach (var group in PartitionGroups.Cut(weeks.Where(rows => rows.Value.Aggregates.Any())))
        {
            try
            {
                await InsertAsync(group, kept, cancellationToken).ConfigureAwait(false);
            }
            catch (ClickHouseServerException exception) when (!_hasManyPartitions && ClickHouseInsert.IsRefusedForPartitions(exception))
            {
                // The table is partitioned by something else than its rows are put into groups by. A backfill touches all of it.
                _hasManyPartitions = true;
                await InsertAsync(group, kept, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Task InsertAsync(
        IReadOnlyList<PlacedRows> group, IReadOnlyList<(string Name, string Type)> kept, CancellationToken cancellationToken) =>
        database.InsertAsync(
            new ClickHouseInsert(table.Name, [.. table.Columns.Select(column => (column.Name, column.Type)), .. kept])
            {
                IsConverted = _isConverted || kept.Count > 0,
                HasManyPartitions = _hasManyPartitions,
            },
            async (stream, token) =>
            {
                foreach (var rows in group) await rows.WriteToAsync(stream, token).ConfigureAwait(false);
            },
            cancellationToken);

    private async Task<(TableInspection Inspection, IReadOnlyDictionary<string, string> Stored)> LookAsync(
        CancellationToken cancellationToken)
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

        return (database.Describe(table.Name, columns).Judge(found), found);
    }
}

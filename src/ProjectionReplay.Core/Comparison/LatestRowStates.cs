using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>The states of a projection whose latest row wins.</summary>
internal sealed class LatestRowStates<TState>(
    FoldProjection<TState> projection, ClickHouseDatabase database, LatestRowTable<TState> table) : IComparableStates
    where TState : class
{
    public async Task CompareAsync(ComparisonContext context, CancellationToken cancellationToken)
    {
        var compared = await database.Retries.CallAsync(
            $"Looking at table {table.Name}",
            token => ComparedTable.OpenAsync(database, table.Name, [.. table.Columns.Select(column => (column.Name, column.Type))], token),
            cancellationToken).ConfigureAwait(false);
        var stored = new StoredRows(database, compared);
        await new LatestRowComparison(context, stored, FoldAsync).RunAsync(cancellationToken).ConfigureAwait(false);

        async Task<IReadOnlyList<ExpectedRow>> FoldAsync(
            EventSelection selection, IReadOnlyList<BatchAggregate> aggregates, CancellationToken token)
        {
            var folds = await context.FoldAsync(
                selection,
                () => new StreamFold<TState>(projection, new ExpectedRows<TState>(table, compared)),
                aggregates,
                token).ConfigureAwait(false);
            var rows = folds.SelectMany(fold => ((ExpectedRows<TState>)((StreamFold<TState>)fold).Buffer).Rows).ToList();
            foreach (var fold in folds) fold.Dispose();
            return rows;
        }
    }
}

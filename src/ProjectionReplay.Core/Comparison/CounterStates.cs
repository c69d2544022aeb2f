using System.Globalization;
using Npgsql;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>
/// The counters of a projection: all aggregates of the tenant are folded and added up, batch by batch, and then compared
/// with the rows. Counters are few, a handful for each day, so that all of a tenant's are held at once.
/// </summary>
internal sealed class CounterStates<TState>(FoldProjection<TState> projection, PostgresCounterStore<TState> store, Retries retries)
    : IComparableStates
    where TState : class
{
    /// <summary>How often everything is folded when counters move meanwhile.</summary>
    private const int MostLooks = 3;

    private readonly CounterTable<TState> _table = store.Table;

    public async Task CompareAsync(ComparisonContext context, CancellationToken cancellationToken)
    {
        await retries.CallAsync($"Looking at table {_table.Name}", store.CheckAsync, cancellationToken).ConfigureAwait(false);
        if (_table.KeyColumns.Count == 0)
        {
            throw new ReplayException(
                ReplayError.ComparisonNotPossible,
                $"The counters of projection '{context.Definition.Name}' cannot be compared: "
                    + $"nothing says which column of table '{_table.Name}' names the tenant, as its CounterTable has no key columns.");
        }

        // Null at first: all counters are looked at.
        HashSet<string>? moving = null;
        for (var look = 1; look <= MostLooks && moving is not { Count: 0 }; look++)
        {
            moving = await LookAsync(context, look, moving, cancellationToken).ConfigureAwait(false);
        }

        if (moving is not { Count: > 0 }) return;
        await context.WarnAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{moving.Count:N0} counters, for example '{moving.Min(StringComparer.Ordinal)}', changed while they were looked at, "
                    + $"so that nothing can be said about them. Compare once more at a quieter time."),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Folds everything, and tells the counters that differ from it though they stood still all the while and a moment
    /// longer: had live handlers folded an event of theirs, they would have moved.
    /// </summary>
    /// <param name="context">The comparison.</param>
    /// <param name="look">Which look it is.</param>
    /// <param name="wanted">The counters to look at, or null for all.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The counters that differ but moved.</returns>
    private async Task<HashSet<string>> LookAsync(
        ComparisonContext context, int look, HashSet<string>? wanted, CancellationToken cancellationToken)
    {
        var before = await ReadAsync(context, cancellationToken).ConfigureAwait(false);
        var expected = await AddUpAsync(context, cancellationToken).ConfigureAwait(false);
        var foldedAt = context.TimeProvider.GetTimestamp();
        await context.PauseAsync(look, cancellationToken).ConfigureAwait(false);
        var after = await ReadAsync(context, cancellationToken).ConfigureAwait(false);
        var different = expected.Keys.Union(after.Keys, StringComparer.Ordinal).Where(Differs).Order(StringComparer.Ordinal).ToList();
        if (different.Count == 0) return [];

        await context.LetLiveHandlersCatchUpAsync(foldedAt, cancellationToken).ConfigureAwait(false);
        after = await ReadAsync(context, cancellationToken).ConfigureAwait(false);
        var moving = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in different)
        {
            if (!Differs(key)) continue;
            var hasMoved = before.TryGetValue(key, out var first)
                ? !after.TryGetValue(key, out var last) || !first.IsLike(last)
                : after.ContainsKey(key);
            if (hasMoved)
            {
                moving.Add(key);
            }
            else
            {
                await TellAsync(
                    context, key, expected.GetValueOrDefault(key), after.GetValueOrDefault(key), cancellationToken).ConfigureAwait(false);
            }
        }

        return moving;

        bool Differs(string key) =>
            wanted?.Contains(key) is not false
            && !(expected.TryGetValue(key, out var counter) && after.TryGetValue(key, out var row) && counter.IsLike(row));
    }

    private async Task<Dictionary<string, Counter>> AddUpAsync(ComparisonContext context, CancellationToken cancellationToken)
    {
        var plan = await ComparisonPlan.FindAsync(context, cancellationToken).ConfigureAwait(false);
        context.Progress.Start(plan.AggregateCount);
        var sums = new Dictionary<string, Counter>(StringComparer.Ordinal);
        foreach (var (selection, batch) in plan.Batches)
        {
            var aggregates = await batch.ListAsync(context.EventLog, selection, cancellationToken).ConfigureAwait(false);
            var folds = await context.FoldAsync(
                selection,
                () => new StreamFold<TState>(projection, new CounterBuffer<TState>(projection.Definition.Name, _table)),
                aggregates,
                cancellationToken).ConfigureAwait(false);
            foreach (var increment in folds.SelectMany(fold => ((CounterBuffer<TState>)((StreamFold<TState>)fold).Buffer).Increments))
            {
                var key = increment.Key;
                var sum = sums.TryGetValue(key, out var known) ? known
                    : new Counter([.. _table.KeyColumns.Select(column => column.Value(increment.Sample))], Count: 0, LastEventTimestamp: 0);
                sums[key] = sum with
                {
                    Count = sum.Count + increment.Count,
                    LastEventTimestamp = Math.Max(sum.LastEventTimestamp!.Value, increment.LastEventTimestamp),
                };
            }

            foreach (var fold in folds) fold.Dispose();
            context.Progress.AddAggregates(aggregates.Count);
        }

        return sums;
    }

    private Task<Dictionary<string, Counter>> ReadAsync(ComparisonContext context, CancellationToken cancellationToken) =>
        retries.CallAsync(
            $"Reading {_table.Name}",
            async token =>
            {
                var rows = new Dictionary<string, Counter>(StringComparer.Ordinal);
                var columns = string.Join(", ", _table.KeyColumns.Select(column => Sql.Quote(column.Name)));
                var command = store.DataSource.CreateCommand($"""
                    SELECT id, count::bigint, "lastEventTimestamp"::bigint, {columns}
                    FROM {PostgresSource.Quote(store.DataSource, _table.Name)}
                    WHERE {Sql.Quote(_table.TenantColumn)} = $1
                    """);
                await using (command.ConfigureAwait(false))
                {
                    command.Parameters.Add(Sql.Text(context.Request.TenantId));
                    var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
                    await using (reader.ConfigureAwait(false))
                    {
                        while (await reader.ReadAsync(token).ConfigureAwait(false)) rows.Add(reader.GetString(0), Read(reader));
                    }
                }

                return rows;
            },
            cancellationToken);

    private Counter Read(NpgsqlDataReader row) => new(
        [.. _table.KeyColumns.Select((_, index) => row.IsDBNull(index + 3) ? null : row.GetString(index + 3))],
        row.GetInt64(1),
        row.IsDBNull(2) ? null : row.GetInt64(2));

    private async Task TellAsync(
        ComparisonContext context, string key, Counter? expected, Counter? actual, CancellationToken cancellationToken)
    {
        var count = new ProjectionDifference
        {
            Projection = context.Definition.Name,
            TenantId = context.Request.TenantId,
            Key = key,
            Field = "count",
            Kind = actual is null ? DifferenceKind.Missing : expected is null ? DifferenceKind.Extra : DifferenceKind.Different,
            Expected = expected?.Count,
            Actual = actual?.Count,
            AggregateId = "",
        };
        if (expected?.Count != actual?.Count) await context.TellAsync(count, cancellationToken).ConfigureAwait(false);
        if (expected is null || actual is null) return;

        if (expected.LastEventTimestamp != actual.LastEventTimestamp)
        {
            var time = count with
            {
                Field = "lastEventTimestamp",
                Expected = expected.LastEventTimestamp,
                Actual = actual.LastEventTimestamp,
            };
            await context.TellAsync(time, cancellationToken).ConfigureAwait(false);
        }

        for (var i = 0; i < _table.KeyColumns.Count; i++)
        {
            if (expected.KeyColumns[i] == actual.KeyColumns[i]) continue;
            var column = count with { Field = _table.KeyColumns[i].Name, Expected = expected.KeyColumns[i], Actual = actual.KeyColumns[i] };
            await context.TellAsync(column, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A row.</summary>
    /// <param name="KeyColumns">The columns that make its key readable.</param>
    /// <param name="Count">How many events it counted.</param>
    /// <param name="LastEventTimestamp">The latest of them, ms since 1970 UTC.</param>
    private sealed record Counter(IReadOnlyList<string?> KeyColumns, long Count, long? LastEventTimestamp)
    {
        public bool IsLike(Counter other) =>
            Count == other.Count
                && LastEventTimestamp == other.LastEventTimestamp
                && KeyColumns.SequenceEqual(other.KeyColumns, StringComparer.Ordinal);
    }
}

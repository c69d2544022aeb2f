using System.Globalization;
using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;

namespace ProjectionReplay.Comparison;

/// <summary>
/// Compares latest rows, batch by batch, so that no more than a batch is in memory. What differs is looked at again: the
/// rows first, then whether an event has come in meanwhile. Only if none has, the events that were folded are those that
/// the row ought to show.
/// </summary>
internal sealed class LatestRowComparison(
    ComparisonContext context,
    StoredRows stored,
    Func<EventSelection, IReadOnlyList<BatchAggregate>, CancellationToken, Task<IReadOnlyList<ExpectedRow>>> foldAsync)
{
    /// <summary>How often an aggregate is folded that gets event after event.</summary>
    private const int MostLooks = 4;

    private readonly RowHashes? _accounted = context.Request.IsWhole ? new RowHashes() : null;
    private AggregateKey _restless;
    private long _restlessCount;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var plan = await ComparisonPlan.FindAsync(context, cancellationToken).ConfigureAwait(false);
        context.Progress.Start(plan.AggregateCount);
        foreach (var (selection, batch) in plan.Batches)
        {
            var aggregates = await batch.ListAsync(context.EventLog, selection, cancellationToken).ConfigureAwait(false);
            await CompareAsync(selection, aggregates, cancellationToken).ConfigureAwait(false);
            context.Progress.AddAggregates(aggregates.Count);
        }

        if (_accounted is not null)
        {
            await new StrayRows(context, stored, foldAsync, _accounted).TellAsync(cancellationToken).ConfigureAwait(false);
        }

        if (_restlessCount == 0) return;
        await context.WarnAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_restlessCount:N0} aggregates, for example '{_restless.AggregateId}', got event after event while they were looked at, "
                    + $"so that nothing can be said about their rows. Compare them once more, with -AggregateId or at a quieter time."),
            cancellationToken).ConfigureAwait(false);
    }

    private async Task CompareAsync(EventSelection selection, List<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        for (var look = 1; aggregates.Count > 0; look++)
        {
            var rows = await foldAsync(selection, aggregates, cancellationToken).ConfigureAwait(false);
            var foldedAt = context.TimeProvider.GetTimestamp();
            if (_accounted is not null)
            {
                foreach (var row in rows) _accounted.Add(row.Identity);
            }

            await context.PauseAsync(look, cancellationToken).ConfigureAwait(false);
            var different = await FindDifferencesAsync(rows, cancellationToken).ConfigureAwait(false);
            if (different.Count == 0) return;

            // What came in long ago is none that a live handler is busy with.
            var suspects = Suspects(aggregates, different);
            if (suspects.Exists(aggregate => aggregate.IsFresh))
            {
                await context.LetLiveHandlersCatchUpAsync(foldedAt, cancellationToken).ConfigureAwait(false);
            }

            different = await FindDifferencesAsync(
                [.. different.Select(difference => difference.Row)], cancellationToken).ConfigureAwait(false);
            if (different.Count == 0) return;

            aggregates = await FindChangedAsync(selection, Suspects(suspects, different), cancellationToken).ConfigureAwait(false);
            var changed = aggregates.Select(aggregate => aggregate.ToKey()).ToHashSet();
            foreach (var difference in different)
            {
                if (!changed.Contains(difference.Row.Aggregate)) await TellAsync(difference, cancellationToken).ConfigureAwait(false);
            }

            if (look < MostLooks || aggregates.Count == 0) continue;
            if (_restlessCount == 0) _restless = aggregates[0].ToKey();
            _restlessCount += aggregates.Count;
            return;
        }
    }

    /// <summary>The aggregates whose rows differ, in key order.</summary>
    private static List<BatchAggregate> Suspects(List<BatchAggregate> aggregates, IReadOnlyList<RowDifference> different)
    {
        var keys = different.Select(difference => difference.Row.Aggregate).ToHashSet();
        return [.. aggregates.Where(aggregate => keys.Contains(aggregate.ToKey()))];
    }

    private Task<IReadOnlyList<RowDifference>> FindDifferencesAsync(IReadOnlyList<ExpectedRow> rows, CancellationToken cancellationToken) =>
        stored.FindDifferencesAsync(rows, context.Request.Options.Concurrency, cancellationToken);

    /// <summary>Those aggregates that have other events by now than were folded. Reads neither payloads nor event ids.</summary>
    private async Task<List<BatchAggregate>> FindChangedAsync(
        EventSelection selection, List<BatchAggregate> aggregates, CancellationToken cancellationToken)
    {
        var changed = new List<BatchAggregate>();
        foreach (var stream in AggregateStream.Cut(selection, aggregates, context.Request.Options.Concurrency))
        {
            var counts = await context.EventLog.Retries.CallAsync(
                ClickHouseEventLog.CountingAgain,
                async token =>
                {
                    var found = new Dictionary<string, long>(StringComparer.Ordinal);
                    await context.EventLog.Aggregates.CountRowsAsync(
                        selection, stream.Range, (_, id, count) => found[Encoding.UTF8.GetString(id)] = count, token).ConfigureAwait(false);
                    return found;
                },
                cancellationToken).ConfigureAwait(false);
            changed.AddRange(
                stream.Aggregates.Where(aggregate => counts.GetValueOrDefault(aggregate.ToKey().AggregateId) != aggregate.RowsFolded));
        }

        return changed;
    }

    private async Task TellAsync(RowDifference difference, CancellationToken cancellationToken)
    {
        var columns = Enumerable.Range(0, stored.Table.Columns.Count).ToList();
        var row = difference.Row;
        var told = new ProjectionDifference
        {
            Projection = context.Definition.Name,
            TenantId = context.Request.TenantId,
            Key = stored.Table.Describe(row.Bytes, row.Ends, columns),
            Field = null,
            Kind = DifferenceKind.Missing,
            AggregateId = row.Aggregate.AggregateId,
        };
        if (difference.Fields is not { } fields)
        {
            await context.TellAsync(told, cancellationToken).ConfigureAwait(false);
            return;
        }

        foreach (var (column, expected, actual) in fields)
        {
            var field = told with
            {
                Kind = DifferenceKind.Different,
                Field = stored.Table.Columns[column].Name,
                Expected = expected,
                Actual = actual,
            };
            await context.TellAsync(field, cancellationToken).ConfigureAwait(false);
        }
    }
}

using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;

namespace ProjectionReplay.Comparison;

/// <summary>A part of a comparison: aggregates that are read together.</summary>
/// <param name="Selection">Which events.</param>
/// <param name="Batch">Where the aggregates are.</param>
internal sealed record ComparisonBatch(EventSelection Selection, PlannedBatch Batch);

/// <summary>Which aggregates are compared, in batches.</summary>
/// <param name="Batches">The batches, in key order.</param>
/// <param name="AggregateCount">All aggregates.</param>
internal sealed record ComparisonPlan(IReadOnlyList<ComparisonBatch> Batches, int AggregateCount)
{
    /// <summary>Looks for the aggregates that a request is about.</summary>
    public static Task<ComparisonPlan> FindAsync(ComparisonContext context, CancellationToken cancellationToken) =>
        context.EventLog.Retries.CallAsync(
            "Discovering aggregates",
            token => context.Request.SampleSize is { } size ? SampleAsync(context, size, token) : FindAllAsync(context, token),
            cancellationToken);

    private static async Task<ComparisonPlan> FindAllAsync(ComparisonContext context, CancellationToken cancellationToken)
    {
        var planner = new BatchPlanner(context.Request.Options.AggregateBatchSize, isExact: false);
        var found = new HashSet<string>(StringComparer.Ordinal);
        var isChosen = context.Selection.AggregateIds is not null;
        await context.EventLog.Aggregates.DiscoverAsync(
            context.Selection,
            (type, id, rowCount) =>
            {
                planner.Add(type, id, rowCount);
                if (isChosen) found.Add(Encoding.UTF8.GetString(id));
            },
            cancellationToken).ConfigureAwait(false);
        planner.Finish();
        if (RequestRules.DescribeMissing(context.Selection.AggregateIds, found, context.Request.Since) is { } missing)
        {
            await context.WarnAsync(missing, cancellationToken).ConfigureAwait(false);
        }

        var isSparse = context.Request.Since is not null
            && planner.EventCount < await context.EventLog.CountRowsAsync(context.Selection, cancellationToken).ConfigureAwait(false) / 2;
        var selection = context.Selection with { IsSparse = isSparse };
        return new ComparisonPlan([.. planner.Batches.Select(batch => new ComparisonBatch(selection, batch))], planner.AggregateCount);
    }

    /// <summary>
    /// Takes those with the smallest hashes, as a hash knows nothing of order: they are anywhere among the others, and the
    /// same each time. Holds no more than the sample.
    /// </summary>
    private static async Task<ComparisonPlan> SampleAsync(ComparisonContext context, int size, CancellationToken cancellationToken)
    {
        // The greatest hash comes first, and goes first.
        var sample = new PriorityQueue<(string Type, byte[] Id, long RowCount), ulong>(
            Comparer<ulong>.Create(static (left, right) => right.CompareTo(left)));
        await context.EventLog.Aggregates.DiscoverAsync(
            context.Selection,
            (type, id, rowCount) =>
            {
                var hash = CityHash64.Hash(id);
                if (sample.Count < size) sample.Enqueue((type, id.ToArray(), rowCount), hash);
                else if (sample.TryPeek(out _, out var greatest) && hash < greatest)
                {
                    sample.EnqueueDequeue((type, id.ToArray(), rowCount), hash);
                }
            },
            cancellationToken).ConfigureAwait(false);

        // In the order of the table, which is that of UTF-8.
        var chosen = sample.UnorderedItems.Select(item => item.Element).ToList();
        chosen.Sort(static (left, right) =>
            Encoding.UTF8.GetBytes(left.Type).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right.Type)) is not 0 and var byType
                ? byType
                : left.Id.AsSpan().SequenceCompareTo(right.Id));
        var batches = new List<ComparisonBatch>();
        foreach (var group in QueryGroups.Cut(chosen, aggregate => aggregate.Id.Length))
        {
            var planner = new BatchPlanner(group.Count, isExact: true);
            foreach (var (type, id, rowCount) in group) planner.Add(type, id, rowCount);
            planner.Finish();
            var named = context.Selection with
            {
                AggregateIds = [.. group.Select(aggregate => Encoding.UTF8.GetString(aggregate.Id)).Distinct(StringComparer.Ordinal)],
            };
            batches.Add(new ComparisonBatch(named, planner.Batches[0]));
        }

        return new ComparisonPlan(batches, chosen.Count);
    }
}

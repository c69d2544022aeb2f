using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Comparison;

/// <summary>
/// Looks for stored rows that no event accounts for. A row whose aggregate was born after the comparison began is none
/// of them: its events are looked for before it is told.
/// </summary>
internal sealed class StrayRows(
    ComparisonContext context,
    StoredRows stored,
    Func<EventSelection, IReadOnlyList<BatchAggregate>, CancellationToken, Task<IReadOnlyList<ExpectedRow>>> foldAsync,
    RowHashes accounted)
{
    // A read that breaks starts over: those that were told before are not told again.
    private readonly HashSet<ulong> _told = [];

    /// <summary>Tells each of them.</summary>
    public async Task TellAsync(CancellationToken cancellationToken)
    {
        if (stored.Table.TenantKey is null)
        {
            await context.Messages.SendAsync(
                new ReplayVerboseMessage(
                    $"Table {stored.Table.Name} has no column TenantId in its sorting key: rows without events are not looked for."),
                cancellationToken).ConfigureAwait(false);
            return;
        }

        await stored.Retries.CallAsync($"Reading {stored.Table.Name}", ReadAsync, cancellationToken).ConfigureAwait(false);
    }

    private Task ReadAsync(CancellationToken cancellationToken)
    {
        var strays = new List<Stray>();
        var naming = stored.Table.Key.Select((column, position) => (column, position))
            .Where(key => stored.Table.NamingKey.Contains(key.column))
            .ToList();
        return stored.VisitKeysAsync(
            context.Request.TenantId,
            (row, ends) =>
            {
                var identity = stored.Table.Identify(row, ends, stored.Table.Key);
                if (accounted.Contains(identity) || _told.Contains(RowHashes.Hash(identity))) return;
                var names = new List<string>();
                foreach (var (column, position) in naming)
                {
                    names.Add((string)stored.Table.Columns[column].Read.Read(ComparedTable.Slice(row, ends, position))!);
                }

                strays.Add(new Stray(identity, stored.Table.Describe(row, ends, stored.Table.Key), names));
            },
            async token =>
            {
                foreach (var group in QueryGroups.Cut(strays, stray => stray.Identity.Length))
                {
                    await TellAsync(group, token).ConfigureAwait(false);
                }

                strays.Clear();
            },
            cancellationToken);
    }

    private async Task TellAsync(IReadOnlyList<Stray> group, CancellationToken cancellationToken)
    {
        var born = await FindBornAsync(
            [.. group.SelectMany(stray => stray.Names).Distinct(StringComparer.Ordinal)], cancellationToken).ConfigureAwait(false);
        foreach (var stray in group)
        {
            if (born.Contains(stray.Identity)) continue;
            _told.Add(RowHashes.Hash(stray.Identity));
            await context.TellAsync(
                new ProjectionDifference
                {
                    Projection = context.Definition.Name,
                    TenantId = context.Request.TenantId,
                    Key = stray.Key,
                    Field = null,
                    Kind = DifferenceKind.Extra,
                    AggregateId = "",
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The rows of those aggregates that are called like rows and have events by now.</summary>
    private async Task<HashSet<string>> FindBornAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var selection = context.Selection with { AggregateIds = ids };
        var planner = new BatchPlanner(aggregatesPerBatch: null, isExact: false);
        await context.EventLog.Aggregates.DiscoverAsync(selection, planner.Add, cancellationToken).ConfigureAwait(false);
        planner.Finish();
        var born = new HashSet<string>(StringComparer.Ordinal);
        foreach (var batch in planner.Batches)
        {
            var aggregates = await batch.ListAsync(context.EventLog, selection, cancellationToken).ConfigureAwait(false);
            born.UnionWith((await foldAsync(selection, aggregates, cancellationToken).ConfigureAwait(false)).Select(row => row.Identity));
        }

        return born;
    }

    /// <summary>A row that may be one.</summary>
    /// <param name="Identity">What tells it apart.</param>
    /// <param name="Key">Its key, for whoever reads it.</param>
    /// <param name="Names">What its aggregate may be called.</param>
    private sealed record Stray(string Identity, string Key, IReadOnlyList<string> Names);
}

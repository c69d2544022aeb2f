using System.Globalization;
using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Planning;

/// <summary>What a discovery found, cut into batches.</summary>
internal sealed class DiscoveredAggregates
{
    private DiscoveredAggregates(
        EventSelection selection, BatchPlanner planner, AggregateFilter keys, AggregateFilter? tenantKeys, HashSet<string> foundIds)
    {
        Selection = selection;
        Batches = planner.Batches;
        AggregateCount = planner.AggregateCount;
        EventCount = planner.EventCount;
        Keys = keys;
        TenantKeys = tenantKeys;
        FoundIds = foundIds;
    }

    /// <summary>Which events, and whether they are sparse.</summary>
    public EventSelection Selection { get; }

    /// <summary>The batches, in key order.</summary>
    public IReadOnlyList<PlannedBatch> Batches { get; }

    /// <summary>All aggregates.</summary>
    public int AggregateCount { get; }

    /// <summary>All their events; one that stands twice in the log counts twice.</summary>
    public long EventCount { get; }

    /// <summary>Tells the key strings of the tenant, of the shard or of the chosen aggregates from its neighbours'.</summary>
    public AggregateFilter Keys { get; }

    /// <summary>Whether no two of the aggregates have the same key string, which takes a colon in a type.</summary>
    public bool HasDistinctKeys { get; private init; }

    /// <summary>Tells those of the whole tenant, where aggregates were chosen; else null.</summary>
    public AggregateFilter? TenantKeys { get; }

    /// <summary>The ids that were found of those that were chosen; empty when none were chosen.</summary>
    public HashSet<string> FoundIds { get; }

    /// <summary>Looks for the aggregates that a run is to replay.</summary>
    /// <param name="log">The event log.</param>
    /// <param name="selection">Which events.</param>
    /// <param name="request">The run.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <param name="visit">Told of each aggregate; of all again when the log has to be asked again.</param>
    /// <param name="only">The aggregates that are to be replayed, of those that are there; else all.</param>
    public static Task<DiscoveredAggregates> FindAsync(
        ClickHouseEventLog log,
        EventSelection selection,
        ReplayRequest request,
        CancellationToken cancellationToken,
        Action<AggregateKey>? visit = null,
        IReadOnlySet<AggregateKey>? only = null) =>
        log.Retries.CallAsync(
            "Discovering aggregates",
            token => FindOnceAsync(log, selection, request, visit, only, token),
            cancellationToken);

    private static async Task<DiscoveredAggregates> FindOnceAsync(
        ClickHouseEventLog log,
        EventSelection selection,
        ReplayRequest request,
        Action<AggregateKey>? visit,
        IReadOnlySet<AggregateKey>? only,
        CancellationToken cancellationToken)
    {
        // Live handlers have counted what is born after the discovery, and go on counting it.
        var isExact = request.Projection.Definition.ReplaySafety == ReplaySafety.Increment;
        var planner = new BatchPlanner(request.Options.AggregateBatchSize, isExact);
        var isChosen = selection.AggregateIds is not null;
        var (types, ambiguous, chosen) = (new List<string>(selection.AggregateTypes), new List<AggregateKey>(), new List<AggregateKey>());
        var (seenType, seenId) = ((string?)null, new GrowingBytes());
        var last = await log.FindLastAsync(selection, cancellationToken).ConfigureAwait(false);

        // Before, so that what comes in meanwhile does not make the selection look like a part.
        var total = await log.CountRowsAsync(selection, cancellationToken).ConfigureAwait(false);
        await log.Aggregates.DiscoverAsync(
            selection,
            (type, id, rowCount) =>
            {
                seenType = type;
                seenId.Set(id);
                if (only?.Contains(Key(type, id)) == false) return;
                planner.Add(type, id, rowCount);
                visit?.Invoke(Key(type, id));
                if (isChosen) chosen.Add(Key(type, id));

                // A projection of any aggregate type still knows the types that the tenant has.
                if (types.Count == 0 || types[^1] != type && !types.Contains(type)) types.Add(type);

                // An id with a colon may look like a key of another tenant.
                if (id.Contains((byte)':')) ambiguous.Add(Key(type, id));
            },
            cancellationToken).ConfigureAwait(false);
        planner.Finish();
        if (last is { } behind && !IsAtOrBefore(behind))
        {
            throw AnswerIncompleteException.EndsEarly(string.Create(
                CultureInfo.InvariantCulture,
                $"it has {planner.AggregateCount:N0} aggregates, "
                    + $"and the table {EventLogTable.Name} has '{behind.Id}' of type '{behind.Type}' behind them"));
        }

        selection = selection with
        {
            IsSparse = planner.EventCount > 0 && planner.EventCount < total / 2,
            IsWhole = planner.EventCount >= total,
        };

        // Few of the tenant's types are among chosen aggregates.
        var tenantKeys = isChosen ? new AggregateFilter(selection.TenantId, selection.AggregateTypes, ambiguous) : null;
        var keys = isChosen
            ? AggregateFilter.Only(chosen)
            : new AggregateFilter(selection.TenantId, types, ambiguous, ShardKeys.Of(selection));
        return new DiscoveredAggregates(selection, planner, keys, tenantKeys, [.. chosen.Select(aggregate => aggregate.AggregateId)])
        {
            HasDistinctKeys = !types.Exists(type => type.Contains(':', StringComparison.Ordinal)),
        };

        bool IsAtOrBefore((string Type, string Id) aggregate)
        {
            if (seenType is null) return false;
            var order = Encoding.UTF8.GetBytes(aggregate.Type).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(seenType));
            if (order == 0) order = Encoding.UTF8.GetBytes(aggregate.Id).AsSpan().SequenceCompareTo(seenId.Span);
            return order <= 0;
        }

        AggregateKey Key(string type, ReadOnlySpan<byte> id) => new(selection.TenantId, type, Encoding.UTF8.GetString(id));
    }
}

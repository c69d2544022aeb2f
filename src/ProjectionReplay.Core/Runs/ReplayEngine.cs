using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Coordination;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Runs;

/// <summary>Prepares replays against the servers that some connections name. Safe for concurrent use.</summary>
/// <param name="connections">Where the connection URLs come from.</param>
/// <param name="timeProvider">The clock; the system's when null.</param>
public sealed class ReplayEngine(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    /// <summary>A server that is down or misnamed should be told of soon; a run that has begun has more patience.</summary>
    private const int RetriesToPrepare = 1;

    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>
    /// Connects, discovers the aggregates, and looks for what an interrupted run left behind. Only reads.
    /// </summary>
    /// <param name="request">What to replay.</param>
    /// <param name="isDryRun">
    /// Whether the run is only planned: does not ask for the store's server.
    /// </param>
    /// <param name="messages">Where the engine tells of everything it does, now and during the run.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The run, ready to start, which the caller disposes.</returns>
    /// <exception cref="ReplayException">It cannot be done; the error says why.</exception>
    /// <exception cref="OperationCanceledException">The work was abandoned.</exception>
    public async Task<ReplayRun> PrepareAsync(
        ReplayRequest request, bool isDryRun, ReplayMessages messages, CancellationToken cancellationToken)
    {
        request.Options.Validate();
        Check(request);
        request.Projection.Prepare();
        var definition = request.Projection.Definition;
        var patience = messages.Allow(RetriesToPrepare, _timeProvider);
        var needsPostgres = !isDryRun && definition.Store == ProjectionStoreKind.Postgres;
        var servers = await ReplayServers.OpenAsync(
            connections, needsPostgres, patience, messages, cancellationToken).ConfigureAwait(false);
        try
        {
            await servers.EventLog.Table.CheckAsync(cancellationToken).ConfigureAwait(false);
            var projection = isDryRun ? null : request.Projection.Accept(new RunOpener(servers.Stores));
            if (projection is not null) await projection.CheckAsync(cancellationToken).ConfigureAwait(false);

            var selection = new EventSelection(
                request.TenantId, definition.AggregateTypes, definition.EventTypes, request.Since, request.Shard)
            {
                AggregateIds = request.AggregateIds,
            };
            if (request.Shard is { } shard)
            {
                await messages.SendAsync(new ReplayVerboseMessage(Describe(shard)), cancellationToken).ConfigureAwait(false);
            }

            var started = _timeProvider.GetTimestamp();
            var discovery = await DiscoveredAggregates.FindAsync(
                servers.EventLog, selection, request, cancellationToken).ConfigureAwait(false);
            await messages.SendAsync(
                new ReplayDebugMessage(Took("Discovering aggregates", started)), cancellationToken).ConfigureAwait(false);
            if (RequestRules.DescribeMissing(request.AggregateIds, discovery.FoundIds, request.Since) is { } missing)
            {
                await messages.SendAsync(new ReplayWarningMessage(missing), cancellationToken).ConfigureAwait(false);
            }

            if (discovery.AggregateCount == 0 && request.AggregateIds is null)
            {
                var nothing = await DescribeNothingAsync(
                    servers.EventLog, selection, request, cancellationToken).ConfigureAwait(false);
                await messages.SendAsync(new ReplayWarningMessage(nothing), cancellationToken).ConfigureAwait(false);
            }

            // A real run has no time for it.
            var note = isDryRun
                ? await UnfoldedTypes.DescribeAsync(
                    servers.EventLog, selection, definition, cancellationToken).ConfigureAwait(false)
                : null;
            if (note is not null) await messages.SendAsync(new ReplayNoteMessage(note), cancellationToken).ConfigureAwait(false);
            var outlook = request.IsRebuild && projection is not null
                ? await CounterRebuild.LookAsync(
                    projection, selection, servers.EventLog, cancellationToken).ConfigureAwait(false)
                : null;
            var previous = new PreviousRun(new ReplayMarkers(servers.Redis, definition.Name), discovery.Keys, discovery.TenantKeys);
            var (completed, stale) = await previous.CountAsync(cancellationToken).ConfigureAwait(false);
            var others = await previous.CountOthersAsync(cancellationToken).ConfigureAwait(false);
            var plan = new ReplayPlan
            {
                Projection = definition.Name,
                TenantId = request.TenantId,
                Shard = request.Shard?.ToString(),
                AggregateId = request.AggregateIds,
                Since = request.Since.UtcDateTime,
                AggregateCount = discovery.AggregateCount,
                EventCount = discovery.EventCount,
                BatchCount = discovery.Batches.Count,
                PreviousCompletedCount = completed + others.Completed,
                StaleMarkerCount = stale + others.Stale,
            };
            await messages.SendAsync(new ReplayVerboseMessage(Describe(plan)), cancellationToken).ConfigureAwait(false);
            return new ReplayRun(plan, request, selection, discovery, servers, projection, previous, messages, _timeProvider)
            {
                IsHeldUp = others != (0, 0),
                Outlook = outlook,
            };
        }
        catch
        {
            await servers.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A mistyped tenant looks like one that has nothing to replay.</summary>
    private static async Task<string> DescribeNothingAsync(
        ClickHouseEventLog log, EventSelection selection, ReplayRequest request, CancellationToken cancellationToken)
    {
        var ever = selection with { Since = DateTimeOffset.UnixEpoch, Shard = null };
        if (!await log.HasEventsAsync(ever, cancellationToken).ConfigureAwait(false))
        {
            return $"Tenant '{request.TenantId}' has no event for projection '{request.Projection.Definition.Name}': nothing is replayed. "
                + "If there should be some, check how the tenant's id is written (capitals count), and the database of the ClickHouse URL.";
        }

        return request.Shard is { } shard
            ? $"Shard {shard} of tenant '{request.TenantId}' has no aggregate: nothing is replayed."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Tenant '{request.TenantId}' has events for projection '{request.Projection.Definition.Name}', "
                    + $"but none since {request.Since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: nothing is replayed.");
    }

    private static string Describe(ReplayShard shard) => string.Create(
        CultureInfo.InvariantCulture, $"Shard {shard}: aggregates whose cityHash64(AggregateId) % {shard.Count} = {shard.Index - 1}.");

    private static string Describe(ReplayPlan plan) => string.Create(
        CultureInfo.InvariantCulture,
        $"Found {plan.AggregateCount:N0} aggregates with {plan.EventCount:N0} events: {plan.BatchCount:N0} batches. ")
        + (plan.PreviousCompletedCount + plan.StaleMarkerCount == 0 ? "No earlier run left anything behind." : string.Create(
            CultureInfo.InvariantCulture,
            $"An earlier run was interrupted: {plan.PreviousCompletedCount:N0} aggregates are completed, "
                + $"{plan.StaleMarkerCount:N0} markers are left."));

    private string Took(string what, long started) => string.Create(
        CultureInfo.InvariantCulture, $"{what} took {_timeProvider.GetElapsedTime(started).TotalMilliseconds:N0} ms.");

    private void Check(ReplayRequest request)
    {
        RequestRules.CheckTenant(request.TenantId);
        RequestRules.CheckAggregates(request.AggregateIds);
        if (request is { IsRebuild: true, Shard: { } shard })
        {
            throw new ReplayException(
                ReplayError.RebuildNotPossible,
                $"A rebuild deletes all counters of tenant '{request.TenantId}', so it cannot be of shard {shard} alone: "
                    + "what the other shards have counted would be gone. Give -Rebuild without -Shard.");
        }

        if (request is { IsRebuild: true, AggregateIds: not null })
        {
            throw new ReplayException(
                ReplayError.RebuildNotPossible,
                $"A rebuild deletes all counters of tenant '{request.TenantId}', so it cannot be of chosen aggregates alone: "
                    + "what the others have counted would be gone. Give -Rebuild without -AggregateId.");
        }

        if (request is { Shard: not null, AggregateIds: not null })
        {
            throw new ReplayException(
                ReplayError.OptionInvalid, "Chosen aggregates are replayed whatever shard they are of. Give -AggregateId without -Shard.");
        }

        RequestRules.CheckSince(request.Since, _timeProvider.GetUtcNow());
    }
}

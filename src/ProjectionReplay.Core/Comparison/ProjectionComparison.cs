using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>
/// Compares what is stored for a projection with what a replay would store: folds the events in memory, reads the rows,
/// and tells every difference. Only reads: no row, no key, no file is written, and Redis is not even connected to. Safe
/// for concurrent use.
/// </summary>
/// <remarks>
/// A live system goes on meanwhile. A difference is told only if it is still there at a second look, three seconds later
/// where events have only just come in, and no event of its aggregate came in between; aggregates that never stand still
/// are named in a warning instead.
/// </remarks>
/// <param name="connections">Where the connection URLs come from; that of Redis is not asked for.</param>
/// <param name="timeProvider">The clock; the system's when null.</param>
public sealed class ProjectionComparison(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    private const int Retries = 3;

    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>
    /// Compares, batch by batch, and sends a <see cref="ReplayFindingMessage"/> with each <see cref="ProjectionDifference"/>.
    /// </summary>
    /// <param name="request">What to compare.</param>
    /// <param name="messages">Where differences, warnings and progress are told.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <exception cref="ReplayException">
    /// It cannot be done; the error says why. <see cref="ReplayError.ComparisonNotPossible"/>: not for this projection, or
    /// not for a part of its aggregates.
    /// </exception>
    /// <exception cref="OperationCanceledException">The work was abandoned.</exception>
    public async Task CompareAsync(ComparisonRequest request, ReplayMessages messages, CancellationToken cancellationToken)
    {
        Check(request);
        request.Projection.Prepare();
        var definition = request.Projection.Definition;
        var servers = await ComparisonServers.OpenAsync(
            connections,
            definition.Store == ProjectionStoreKind.Postgres,
            messages.Allow(Retries, _timeProvider),
            messages,
            cancellationToken).ConfigureAwait(false);
        await using (servers.ConfigureAwait(false))
        {
            var eventLog = new ClickHouseEventLog(servers.ClickHouse);
            await eventLog.Table.CheckAsync(cancellationToken).ConfigureAwait(false);
            var states = request.Projection.Accept(new ComparisonOpener(servers.Stores)) ?? throw new ReplayException(
                ReplayError.ComparisonNotPossible,
                $"Projection '{definition.Name}' stores its states in a way of its own, so that nobody here can read them back. "
                    + "Only projections whose store is a ClickHouseLatestRowStore or a PostgresCounterStore can be compared.");
            var progress = new ComparisonProgress(definition.Name, request.TenantId, messages, _timeProvider);
            var selection = new EventSelection(
                request.TenantId, definition.AggregateTypes, definition.EventTypes, request.Since ?? DateTimeOffset.UnixEpoch)
            {
                AggregateIds = request.AggregateIds,
            };
            var context = new ComparisonContext(request, selection, eventLog, messages, progress, _timeProvider);
            try
            {
                await states.CompareAsync(context, cancellationToken).ConfigureAwait(false);
            }
            catch (InvalidEventPayloadException exception)
            {
                throw new ReplayException(ReplayError.InvalidEventPayload, exception.Message, exception);
            }

            await messages.SendAsync(
                new ReplayVerboseMessage(progress.Summarize(definition.Table)), cancellationToken).ConfigureAwait(false);
        }
    }

    private void Check(ComparisonRequest request)
    {
        request.Options.Validate();
        RequestRules.CheckTenant(request.TenantId);
        RequestRules.CheckAggregates(request.AggregateIds);
        if (request.Since is { } since) RequestRules.CheckSince(since, _timeProvider.GetUtcNow());
        if (request.SampleSize is < 1 or > 1_000_000)
        {
            throw new ReplayException(ReplayError.OptionInvalid, "Sample must be from 1 to 1,000,000 aggregates.");
        }

        if (request is { SampleSize: not null, AggregateIds: not null })
        {
            throw new ReplayException(
                ReplayError.OptionInvalid, "Chosen aggregates are all compared. Give either -AggregateId or -Sample.");
        }

        if (request.IsWhole || request.Projection.Definition.ReplaySafety != ReplaySafety.Increment) return;
        throw new ReplayException(
            ReplayError.ComparisonNotPossible,
            $"The counters of projection '{request.Projection.Definition.Name}' hold what all aggregates of tenant '{request.TenantId}' "
                + "add up to, so that a part of the aggregates says nothing about them. Leave out -Since, -AggregateId and -Sample.");
    }
}

/// <summary>The stored states of a projection, with their type hidden.</summary>
internal interface IComparableStates
{
    /// <summary>Compares them with what the events come to.</summary>
    Task CompareAsync(ComparisonContext context, CancellationToken cancellationToken);
}

/// <summary>Opens stored states to be compared; null when their store cannot be read back.</summary>
/// <param name="connections">Where stores are.</param>
internal sealed class ComparisonOpener(StoreConnections connections) : IProjectionVisitor<IComparableStates?>
{
    /// <inheritdoc/>
    public IComparableStates? Visit<TState>(FoldProjection<TState> projection)
        where TState : class
    {
        return projection.CreateStore(connections) switch
        {
            ClickHouseLatestRowStore<TState> rows => new LatestRowStates<TState>(projection, rows.Database, rows.Table),
            PostgresCounterStore<TState> counters =>
                new CounterStates<TState>(projection, counters, connections.RetriesFor(projection.Definition.Store)),
            _ => null,
        };
    }
}

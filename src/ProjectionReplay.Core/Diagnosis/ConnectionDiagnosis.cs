using ProjectionReplay.Configuration;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Diagnosis;

/// <summary>
/// Finds out whether replays could run: whether each server is there, and has the tables, columns, types and permissions
/// that they need. Only reads. Safe for concurrent use.
/// </summary>
/// <param name="connections">Where the connection URLs come from.</param>
/// <param name="timeProvider">The clock that servers' are compared with; the system's when null.</param>
public sealed class ConnectionDiagnosis(ReplayConnections connections, TimeProvider? timeProvider = null)
{
    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>
    /// Sends a <see cref="ConnectionCheck"/> for each check, as it is made: those of ClickHouse, then those of Redis, then
    /// those of Postgres, if any of the projections is stored there. The servers are looked at side by side, and none waits
    /// for another; one that does not answer is given up after 5 s. What is wrong is a check that failed, never an exception.
    /// </summary>
    /// <param name="projections">The projections that are to be replayed.</param>
    /// <param name="tenantId">The tenant whose events and locks are looked at too, or null.</param>
    /// <param name="messages">Where the checks go, as <see cref="ReplayFindingMessage"/>.</param>
    /// <param name="cancellationToken">Abandons the checks.</param>
    /// <exception cref="OperationCanceledException">The checks were abandoned.</exception>
    public async Task RunAsync(
        IReadOnlyList<IFoldProjection> projections, string? tenantId, ReplayMessages messages, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var clickHouse = new CheckReport("ClickHouse", _timeProvider);
        var redis = new CheckReport("Redis", _timeProvider);
        List<(CheckReport Report, Task Checks)> servers =
        [
            (clickHouse, new ClickHouseChecks(connections, projections, tenantId, clickHouse).RunAsync(stop.Token)),
            (redis, new RedisChecks(connections, projections, tenantId, redis).RunAsync(stop.Token)),
        ];
        if (projections.Any(projection => projection.Definition.Store == ProjectionStoreKind.Postgres))
        {
            var postgres = new CheckReport("Postgres", _timeProvider);
            servers.Add((postgres, new PostgresChecks(connections, projections, postgres).RunAsync(stop.Token)));
        }

        try
        {
            foreach (var (report, checks) in servers)
            {
                await foreach (var check in report.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                {
                    await messages.SendAsync(new ReplayFindingMessage(check), cancellationToken).ConfigureAwait(false);
                }

                await checks.ConfigureAwait(false);
            }
        }
        finally
        {
            // Nothing is under way any more when this ends, however it ends.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(servers.Select(server => server.Checks)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

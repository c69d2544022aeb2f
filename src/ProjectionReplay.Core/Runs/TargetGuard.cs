using System.Globalization;
using ProjectionReplay.Cycle;
using ProjectionReplay.Faults;
using ProjectionReplay.Folding;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Runs;

/// <summary>
/// Looks after what the target of a run holds: that what earlier replays stored is there, that counters hold nothing else, and
/// that the operator hears of rows that a replay cannot make right.
/// </summary>
internal sealed class TargetGuard(ReplayRequest request, IProjectionRun projection, RunFailures failures)
{
    /// <summary>What the counters held when the run began; null for other runs, and where nobody looked.</summary>
    private CounterHoldings? _before;

    private ProjectionDefinition Definition => request.Projection.Definition;

    /// <summary>
    /// What earlier replays have stored is left as it is: that must be there, and in counters nothing else.
    /// </summary>
    /// <param name="completedBefore">Aggregates that the run leaves out, as an interrupted one has completed them.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    public async Task RefuseChangedAsync(long completedBefore, CancellationToken cancellationToken)
    {
        if (await FindHoldingsAsync(cancellationToken).ConfigureAwait(false) is { } holdings)
        {
            if (holdings.Counted < holdings.Recorded) throw failures.CountsMissing(holdings);
            if (holdings.Counted > holdings.Recorded) throw failures.CountersUnexplained(holdings);
            _before = holdings;
        }

        if (completedBefore == 0 || Definition.ReplaySafety != ReplaySafety.LatestRow) return;
        var rows = await CountRowsAsync(cancellationToken).ConfigureAwait(false);

        // Not each aggregate needs have a row, and scans of Redis may count a few twice.
        if (rows < (completedBefore + 1) / 2) throw failures.RowsMissing(rows.Value, completedBefore);
    }

    /// <summary>
    /// Whether rows may be stored that know more than the event log. Nobody is asked where the operator has allowed the loss.
    /// </summary>
    public async Task<bool> HasHistoryAsync(RunReporter reporter, CancellationToken cancellationToken)
    {
        if (request.AllowsLoss || Definition.ReplaySafety != ReplaySafety.LatestRow) return false;
        if (await CountRowsAsync(cancellationToken).ConfigureAwait(false) == 0) return false;
        if (projection.HistoryLimit is { } limit) reporter.Warn(limit);
        return true;
    }

    /// <summary>Warns of what the run could not make right. All is done by now: what cannot be asked any more is no failure.</summary>
    public async Task WarnAsync(RunReporter reporter, CancellationToken cancellationToken)
    {
        try
        {
            // Most counters count each event once: then there is no need to look through the whole ledger.
            if (_before is { } before
                && await projection.SumCountsAsync(request.TenantId, cancellationToken).ConfigureAwait(false)
                    == before.Counted + reporter.EventsProcessed)
            {
                return;
            }

            if (await FindHoldingsAsync(cancellationToken).ConfigureAwait(false) is not { } counted) return;
            if (counted.Counted <= counted.Recorded) return;
            reporter.Warn(string.Create(
                CultureInfo.InvariantCulture,
                $"The counters of tenant '{request.TenantId}' hold {counted.Counted - counted.Recorded:N0} events "
                    + $"beside those of replays: live handlers are at work on them, and may have counted some "
                    + $"that this replay has counted as well. Only -Rebuild is exact beside live handlers."));
        }
        catch (ReplayException exception)
        {
            reporter.Warn($"Whether live handlers have counted meanwhile is not known: {exception.Message}");
        }
    }

    private Task<long?> CountRowsAsync(CancellationToken cancellationToken) =>
        projection.CountRowsAsync(request.TenantId, cancellationToken);

    /// <summary>What the tenant's counters hold; null for rows that are overwritten, and where the store does not know.</summary>
    private async Task<CounterHoldings?> FindHoldingsAsync(CancellationToken cancellationToken) =>
        Definition.ReplaySafety != ReplaySafety.Increment
            ? null
            : await projection.FindHoldingsAsync(request.TenantId, cancellationToken).ConfigureAwait(false);
}

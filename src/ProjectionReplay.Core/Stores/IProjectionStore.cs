using System.Runtime.InteropServices;
using ProjectionReplay.Events;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Stores;

/// <summary>
/// Where the states of a projection are written. States of one batch at a time are stored; meanwhile those of the next
/// are gathered, and the one after that may ask which of its aggregates are accounted for.
/// </summary>
/// <typeparam name="TState">The projection's state.</typeparam>
public interface IProjectionStore<TState>
    where TState : class
{
    /// <summary>Checks, before anything is marked, that the table is there. Only reads.</summary>
    /// <exception cref="Faults.ReplayException">The table is missing, or its server is out of reach.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Looks at the table, by the rule that <see cref="CheckAsync"/> refuses by, and tells all there is to tell. Only
    /// reads. The default tells what <see cref="CheckAsync"/> says.
    /// </summary>
    /// <exception cref="Faults.ReplayException">The server is out of reach.</exception>
    async Task<TableInspection> InspectAsync(CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken).ConfigureAwait(false);
        return new TableInspection("", [], [new("Table", TableVerdict.Good, "The projection's own check of its table passed.")]);
    }

    /// <summary>
    /// Whether any aggregate of a tenant may be accounted for by an earlier replay, so that <see cref="FindReplayedAsync"/> has
    /// to be asked before events are read. Asked once a run, of an <see cref="Projections.ReplaySafety.Increment"/> store. The
    /// default says that it may.
    /// </summary>
    Task<bool> HasReplayedAsync(string tenantId, CancellationToken cancellationToken) => Task.FromResult(true);

    /// <summary>
    /// Which of some aggregates are accounted for by an earlier replay, so that they must not be replayed again, and
    /// up to which event id. None for a store where the latest row wins.
    /// </summary>
    Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<AggregateKey, string>>(new Dictionary<AggregateKey, string>());

    /// <summary>
    /// How many rows a tenant has, one of an aggregate at least, so that a run that goes on finds out when what it had stored was
    /// removed. Only reads. Null, the default, when the store does not know: nothing is checked then. For a
    /// <see cref="Projections.ReplaySafety.LatestRow"/> store.
    /// </summary>
    Task<long?> CountRowsAsync(string tenantId, CancellationToken cancellationToken) => Task.FromResult<long?>(null);

    /// <summary>
    /// What is stored for a tenant, so that a rebuild deletes nothing that the event log cannot give back. Only reads. Null,
    /// the default, when the store does not know: nothing is checked then.
    /// </summary>
    Task<CounterHoldings?> FindHoldingsAsync(string tenantId, CancellationToken cancellationToken) =>
        Task.FromResult<CounterHoldings?>(null);

    /// <summary>
    /// The sum of a tenant's counts, as in <see cref="CounterHoldings.Counted"/>, without a look at what replays have added of it,
    /// which is many entries. Only reads. Null, the default, when the store does not know.
    /// </summary>
    Task<long?> SumCountsAsync(string tenantId, CancellationToken cancellationToken) => Task.FromResult<long?>(null);

    /// <summary>
    /// What a tenant's counters hold, all as of one moment. Only reads, and locks nothing. For an
    /// <see cref="Projections.ReplaySafety.Increment"/> store.
    /// </summary>
    Task<CounterBaseline> ReadBaselineAsync(string tenantId, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Only counters have a baseline.");

    /// <summary>
    /// Takes away what a baseline counted, and all that is recorded of the tenant, in one transaction, so that the counters
    /// can be built anew: what was added since stays. Touches no other tenant's rows, and waits for locks on these for
    /// seconds at most. May be repeated with the same baseline: it takes effect once.
    /// </summary>
    /// <param name="baseline">From <see cref="ReadBaselineAsync"/>.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>False, and nothing has changed, when a row is gone or holds less than the baseline: others took from it.</returns>
    Task<bool> TakeAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Only counters have a baseline.");

    /// <summary>Whether <see cref="TakeAwayAsync"/> has taken effect, after it failed. True, the default, when nobody knows.</summary>
    Task<bool> IsTakenAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken) => Task.FromResult(true);

    /// <summary>Starts to gather the states of one stream of aggregates. Several may be gathered at once.</summary>
    IStateBuffer<TState> CreateBuffer();

    /// <summary>
    /// Writes the states of one batch, in one go: when the task completes every row is durable; when it fails an
    /// <see cref="Projections.ReplaySafety.Increment"/> store has changed nothing. May be repeated with the same
    /// aggregates: what was written for an aggregate before is replaced, never added to.
    /// </summary>
    /// <param name="buffers">
    /// The states, in the order of their aggregates; each buffer came from <see cref="CreateBuffer"/>. For a
    /// <see cref="Projections.ReplaySafety.LatestRow"/> store the state of an aggregate may come again in a later buffer, when
    /// events came in meanwhile: that one counts.
    /// </param>
    /// <param name="cancellationToken">Abandons the write.</param>
    /// <returns>Warnings for the operator, one for each kind of trouble; usually empty.</returns>
    Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken);
}

/// <summary>What counters hold of a tenant.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Counted">The sum of their counts, which is that of the events where each counts once.</param>
/// <param name="FirstLastEvent">
/// The earliest of the times of their last events, ms since 1970 UTC; 0 when no row has one.
/// </param>
/// <param name="Recorded">What replays have added of that, by their ledger, as of the same moment.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct CounterHoldings(long Rows, long Counted, long FirstLastEvent, long Recorded);

/// <summary>
/// The final states of one stream of aggregates until they are stored. They may be kept in whatever form the store
/// writes: the states themselves need not outlive <see cref="Add"/>. Not thread-safe.
/// </summary>
public interface IStateBuffer<TState> : IDisposable
    where TState : class
{
    /// <summary>
    /// Takes a state. They come in the order of their aggregates, then of first appearance of the key. For an increment
    /// store a projection key comes once for each aggregate that contributes to it.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <param name="lastEventId">The last event id of its aggregate that was folded, UTF-8; only for the duration of the call.</param>
    /// <exception cref="Faults.ReplayException">The state has no place in the table. Fails the batch.</exception>
    void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId);
}

/// <summary>The outcome of a fold: what one aggregate contributes to one projection key.</summary>
/// <param name="Aggregate">The aggregate whose events were folded.</param>
/// <param name="Key">The projection key.</param>
/// <param name="State">The state after the aggregate's last event.</param>
public readonly record struct ProjectedState<TState>(AggregateKey Aggregate, string Key, TState State)
    where TState : class;

using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Folding;

/// <summary>A projection opened for one run, with its state's type hidden from the engine. Calls to its store are retried.</summary>
internal interface IProjectionRun
{
    /// <summary>Checks, before anything is marked, that the states can be stored.</summary>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>Looks at the table: see <see cref="IProjectionStore{TState}.InspectAsync"/>.</summary>
    Task<TableInspection> InspectAsync(CancellationToken cancellationToken);

    /// <summary>Whether any of a tenant's aggregates may be accounted for by an earlier replay.</summary>
    Task<bool> HasReplayedAsync(string tenantId, CancellationToken cancellationToken);

    /// <summary>Which of some aggregates an earlier replay accounts for, and up to which event id.</summary>
    Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken);

    /// <summary>How many rows a tenant has: see <see cref="IProjectionStore{TState}.CountRowsAsync"/>.</summary>
    Task<long?> CountRowsAsync(string tenantId, CancellationToken cancellationToken);

    /// <summary>What is stored for a tenant: see <see cref="IProjectionStore{TState}.FindHoldingsAsync"/>.</summary>
    Task<CounterHoldings?> FindHoldingsAsync(string tenantId, CancellationToken cancellationToken);

    /// <summary>The sum of a tenant's counts: see <see cref="IProjectionStore{TState}.SumCountsAsync"/>.</summary>
    Task<long?> SumCountsAsync(string tenantId, CancellationToken cancellationToken);

    /// <summary>What a tenant's counters hold: see <see cref="IProjectionStore{TState}.ReadBaselineAsync"/>.</summary>
    Task<CounterBaseline> ReadBaselineAsync(string tenantId, CancellationToken cancellationToken);

    /// <summary>Takes that away: see <see cref="IProjectionStore{TState}.TakeAwayAsync"/>.</summary>
    /// <param name="baseline">What was read.</param>
    /// <param name="requireLock">
    /// Fails when the run's lock is lost: whoever was stopped for long must not take away what another run has counted since.
    /// </param>
    /// <param name="cancellationToken">Abandons the work.</param>
    Task<bool> TakeAwayAsync(CounterBaseline baseline, Func<CancellationToken, Task> requireLock, CancellationToken cancellationToken);

    /// <summary>Whether that was done: see <see cref="IProjectionStore{TState}.IsTakenAwayAsync"/>.</summary>
    Task<bool> IsTakenAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken);

    /// <summary>The column by which the latest row wins: see <see cref="IStoredHistory{TState}.VersionColumn"/>.</summary>
    string? VersionColumn { get; }

    /// <summary>Why stored rows cannot be looked at: see <see cref="IStoredHistory{TState}.Limit"/>.</summary>
    string? HistoryLimit { get; }

    /// <summary>
    /// Takes out what would blank a stored row: see <see cref="IStoredHistory{TState}.SetAsideAsync"/>. Returns the hashes of the
    /// aggregates.
    /// </summary>
    Task<IReadOnlySet<ulong>> SetAsideAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken);

    /// <summary>How many states are stored in vain: see <see cref="IStoredHistory{TState}.CountOverruledAsync"/>.</summary>
    Task<int> CountOverruledAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken);

    /// <summary>Starts a fold over one stream of events. Each stream has a fold of its own.</summary>
    IStreamFold StartFold();

    /// <summary>
    /// Stores what the folds of one batch came to: all of it in one go. Returns warnings for the operator.
    /// </summary>
    /// <param name="folds">
    /// The folds in the order of their aggregates; each came from <see cref="StartFold"/>. Where the latest row wins, an aggregate
    /// may come again: the last one counts.
    /// </param>
    /// <param name="cancellationToken">Abandons the write.</param>
    Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken);
}

/// <summary>The fold of one stream of events, in key order. Holds its final states until disposed. Not thread-safe.</summary>
internal interface IStreamFold : IDisposable
{
    /// <summary>Folds the stream's next event.</summary>
    void Apply(in ReplayEvent replayEvent);

    /// <summary>Ends the aggregate whose events came last: its states are final.</summary>
    /// <param name="lastEventId">The last of its event ids, UTF-8.</param>
    void EndAggregate(ReadOnlySpan<byte> lastEventId);
}

/// <summary>Opens projections for one run, each together with its store.</summary>
/// <param name="connections">Where stores are.</param>
internal sealed class RunOpener(StoreConnections connections) : IProjectionVisitor<IProjectionRun>
{
    /// <inheritdoc/>
    public IProjectionRun Visit<TState>(FoldProjection<TState> projection)
        where TState : class =>
        new ProjectionRun<TState>(projection, projection.CreateStore(connections), connections.RetriesFor(projection.Definition.Store));
}

/// <inheritdoc cref="IProjectionRun"/>
/// <param name="projection">The projection.</param>
/// <param name="store">Its store.</param>
/// <param name="retries">What the store is called with.</param>
internal sealed class ProjectionRun<TState>(FoldProjection<TState> projection, IProjectionStore<TState> store, Retries retries)
    : IProjectionRun
    where TState : class
{
    private const string LookingForReplays = "Looking for earlier replays";
    private const string Counting = "Counting what is stored";

    private string Table => projection.Definition.Table;

    private string Reading => $"Reading {Table}";

    public Task CheckAsync(CancellationToken cancellationToken) =>
        retries.CallAsync($"Looking at table {Table}", store.CheckAsync, cancellationToken);

    public Task<TableInspection> InspectAsync(CancellationToken cancellationToken) => store.InspectAsync(cancellationToken);

    public Task<bool> HasReplayedAsync(string tenantId, CancellationToken cancellationToken) =>
        projection.Definition.ReplaySafety == ReplaySafety.Increment
            ? retries.CallAsync(LookingForReplays, token => store.HasReplayedAsync(tenantId, token), cancellationToken)
            : Task.FromResult(false);

    public Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken) =>
        retries.CallAsync(LookingForReplays, token => store.FindReplayedAsync(aggregates, token), cancellationToken);

    public Task<long?> CountRowsAsync(string tenantId, CancellationToken cancellationToken) =>
        retries.CallAsync(Counting, token => store.CountRowsAsync(tenantId, token), cancellationToken);

    public Task<CounterHoldings?> FindHoldingsAsync(string tenantId, CancellationToken cancellationToken) =>
        retries.CallAsync(Counting, token => store.FindHoldingsAsync(tenantId, token), cancellationToken);

    public Task<long?> SumCountsAsync(string tenantId, CancellationToken cancellationToken) =>
        retries.CallAsync(Counting, token => store.SumCountsAsync(tenantId, token), cancellationToken);

    public Task<CounterBaseline> ReadBaselineAsync(string tenantId, CancellationToken cancellationToken) =>
        retries.CallAsync(Reading, token => store.ReadBaselineAsync(tenantId, token), cancellationToken);

    public Task<bool> TakeAwayAsync(
        CounterBaseline baseline, Func<CancellationToken, Task> requireLock, CancellationToken cancellationToken) =>
        retries.CallAsync(
            $"Emptying {Table}",
            async token =>
            {
                await requireLock(token).ConfigureAwait(false);
                return await store.TakeAwayAsync(baseline, token).ConfigureAwait(false);
            },
            cancellationToken);

    public Task<bool> IsTakenAwayAsync(CounterBaseline baseline, CancellationToken cancellationToken) =>
        store.IsTakenAwayAsync(baseline, cancellationToken);

    public string? VersionColumn => History?.VersionColumn;

    public string? HistoryLimit => History?.Limit;

    private IStoredHistory<TState>? History => store as IStoredHistory<TState>;

    public async Task<IReadOnlySet<ulong>> SetAsideAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken) =>
        History is not { } history ? new HashSet<ulong>() : await retries.CallAsync(
            Reading, token => history.SetAsideAsync(BuffersOf(folds), token), cancellationToken).ConfigureAwait(false);

    public async Task<int> CountOverruledAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken) =>
        VersionColumn is null ? 0 : await retries.CallAsync(
            Reading, token => History!.CountOverruledAsync(BuffersOf(folds), token), cancellationToken).ConfigureAwait(false);

    public IStreamFold StartFold() => new StreamFold<TState>(projection, store.CreateBuffer());

    public Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken) =>
        retries.CallAsync($"Writing to {Table}", token => store.StoreAsync(BuffersOf(folds), token), cancellationToken);

    private static IReadOnlyList<IStateBuffer<TState>> BuffersOf(IReadOnlyList<IStreamFold> folds) =>
        [.. folds.Select(fold => ((StreamFold<TState>)fold).Buffer)];
}

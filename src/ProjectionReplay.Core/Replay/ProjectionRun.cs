using System.Runtime.InteropServices;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Replay;

/// <summary>A projection opened for one run, with its state's type hidden from the engine.</summary>
internal interface IProjectionRun
{
    /// <summary>Checks, before anything is marked, that the states can be stored.</summary>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>Looks at the table: see <see cref="IProjectionStore{TState}.InspectAsync"/>.</summary>
    Task<TableInspection> InspectAsync(CancellationToken cancellationToken);

    /// <summary>Which of some aggregates an earlier replay accounts for, and up to which event id.</summary>
    Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken);

    /// <summary>Deletes all that is stored for a tenant: see <see cref="IProjectionStore{TState}.EmptyAsync"/>.</summary>
    Task<bool> EmptyAsync(
        string tenantId, Func<CancellationToken, Task<IReadOnlyList<AggregateKey>?>> findAll, CancellationToken cancellationToken);

    /// <summary>Starts a fold over one stream of events. Each stream has a fold of its own.</summary>
    IStreamFold StartFold();

    /// <summary>
    /// Stores what the folds of one batch came to: all of it in one go. Returns warnings for the operator.
    /// </summary>
    /// <param name="folds">The folds in the order of their aggregates; each came from <see cref="StartFold"/>.</param>
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

/// <inheritdoc cref="IProjectionRun"/>
internal sealed class ProjectionRun<TState>(FoldProjection<TState> projection, IProjectionStore<TState> store) : IProjectionRun
    where TState : class
{
    public Task CheckAsync(CancellationToken cancellationToken) => store.CheckAsync(cancellationToken);

    public Task<TableInspection> InspectAsync(CancellationToken cancellationToken) => store.InspectAsync(cancellationToken);

    public Task<IReadOnlyDictionary<AggregateKey, string>> FindReplayedAsync(
        IReadOnlyCollection<AggregateKey> aggregates, CancellationToken cancellationToken) =>
        store.FindReplayedAsync(aggregates, cancellationToken);

    public Task<bool> EmptyAsync(
        string tenantId, Func<CancellationToken, Task<IReadOnlyList<AggregateKey>?>> findAll, CancellationToken cancellationToken) =>
        store.EmptyAsync(tenantId, findAll, cancellationToken);

    public IStreamFold StartFold() => new StreamFold(projection, store.CreateBuffer());

    public Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStreamFold> folds, CancellationToken cancellationToken) =>
        store.StoreAsync([.. folds.Select(fold => ((StreamFold)fold).Buffer)], cancellationToken);

    /// <summary>
    /// Coalesces: however many events an aggregate has, it comes to one state for each projection key.
    /// </summary>
    private sealed class StreamFold(FoldProjection<TState> projection, IStateBuffer<TState> buffer) : IStreamFold
    {
        // The states of the aggregate in hand. Most aggregates touch one key, and most events the key of the event
        // before, so that one is kept outside the dictionary.
        private readonly List<ProjectedState<TState>> _states = [];
        private readonly Dictionary<string, int> _indexByKey = new(StringComparer.Ordinal);
        private string? _lastKey;
        private int _lastIndex;

        /// <summary>The states of the aggregates that were ended.</summary>
        public IStateBuffer<TState> Buffer => buffer;

        public void Apply(in ReplayEvent replayEvent)
        {
            var key = projection.GetKey(replayEvent);
            if (!ReferenceEquals(key, _lastKey) && !string.Equals(key, _lastKey, StringComparison.Ordinal)) Select(key, replayEvent);

            ref var projected = ref CollectionsMarshal.AsSpan(_states)[_lastIndex];
            projected = projected with { State = projection.Apply(projected.State, replayEvent) };
        }

        public void EndAggregate(ReadOnlySpan<byte> lastEventId)
        {
            foreach (ref readonly var projected in CollectionsMarshal.AsSpan(_states))
            {
                if (projection.ShouldStore(projected.State)) buffer.Add(projected, lastEventId);
            }

            _states.Clear();
            if (_indexByKey.Count > 0) _indexByKey.Clear();
            _lastKey = null;
        }

        public void Dispose() => buffer.Dispose();

        private void Select(string key, in ReplayEvent replayEvent)
        {
            if (_lastKey is null)
            {
                _lastIndex = Add(key, replayEvent);
            }
            else
            {
                if (_indexByKey.Count == 0) _indexByKey.Add(_lastKey, _lastIndex);
                if (!_indexByKey.TryGetValue(key, out _lastIndex))
                {
                    _lastIndex = Add(key, replayEvent);
                    _indexByKey.Add(key, _lastIndex);
                }
            }

            _lastKey = key;
        }

        private int Add(string key, in ReplayEvent replayEvent)
        {
            _states.Add(new ProjectedState<TState>(replayEvent.Aggregate, key, projection.CreateState(replayEvent)));
            return _states.Count - 1;
        }
    }
}

using System.Runtime.InteropServices;
using ProjectionReplay.Events;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Folding;

/// <summary>
/// Coalesces: however many events an aggregate has, it comes to one state for each projection key.
/// </summary>
internal sealed class StreamFold<TState>(FoldProjection<TState> projection, IStateBuffer<TState> buffer) : IStreamFold
    where TState : class
{
    // The states of the aggregate in hand. Most aggregates touch one key, and most events the key of the event
    // before, so that one is kept outside the dictionary.
    private readonly List<ProjectedState<TState>> _states = [];
    private readonly Dictionary<string, int> _indexByKey = new(StringComparer.Ordinal);
    private readonly Stack<TState> _spareStates = new();
    private string? _lastKey;
    private int _lastIndex;

    /// <summary>The states of the aggregates that were ended.</summary>
    public IStateBuffer<TState> Buffer => buffer;

    public void Apply(in ReplayEvent replayEvent)
    {
        var key = projection.GetKey(replayEvent);
        if (!ReferenceEquals(key, _lastKey) && !string.Equals(key, _lastKey, StringComparison.Ordinal)) Select(key, replayEvent);

        ref var projected = ref CollectionsMarshal.AsSpan(_states)[_lastIndex];
        var state = projection.Apply(projected.State, replayEvent);
        if (!ReferenceEquals(state, projected.State)) projected = projected with { State = state };
    }

    public void EndAggregate(ReadOnlySpan<byte> lastEventId)
    {
        foreach (ref readonly var projected in CollectionsMarshal.AsSpan(_states))
        {
            if (projection.ShouldStore(projected.State)) buffer.Add(projected, lastEventId);

            // Other buffers may keep the state itself.
            if (buffer is RowBuffer<TState> && projection.TryRenew(projected.State)) _spareStates.Push(projected.State);
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
        _states.Add(
            new ProjectedState<TState>(
                replayEvent.Aggregate, key, _spareStates.TryPop(out var spare) ? spare : projection.CreateState(replayEvent)));
        return _states.Count - 1;
    }
}

using ProjectionReplay.Stores;

namespace ProjectionReplay.Golden;

/// <summary>Keeps states as they are.</summary>
internal sealed class StateList<TState> : IStateBuffer<TState>
    where TState : class
{
    private readonly List<ProjectedState<TState>> _states = [];

    public IReadOnlyList<ProjectedState<TState>> States => _states;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId) => _states.Add(state);

    public void Dispose() => _states.Clear();
}

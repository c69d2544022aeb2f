namespace ProjectionReplay.Stores;

/// <summary>Keeps states as they are, for a store that has to look at all of them before it writes.</summary>
internal sealed class StateList<TState> : IStateBuffer<TState>
    where TState : class
{
    private readonly List<ProjectedState<TState>> _states = [];

    public IReadOnlyList<ProjectedState<TState>> States => _states;

    public void Add(in ProjectedState<TState> state) => _states.Add(state);

    public void Dispose() => _states.Clear();
}

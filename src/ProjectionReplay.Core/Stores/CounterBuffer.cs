using System.Text;
using ProjectionReplay.Events;

namespace ProjectionReplay.Stores;

/// <summary>
/// Keeps what each aggregate adds to a counter table, and what all of them come to: states of the same key are added up
/// as they come.
/// </summary>
internal sealed class CounterBuffer<TState>(CounterTable<TState> table) : IStateBuffer<TState>
    where TState : class
{
    private readonly List<LedgerEntry> _entries = [];
    private readonly Dictionary<string, CounterIncrement<TState>> _increments = new(StringComparer.Ordinal);
    private AggregateKey _current;
    private LedgerKeyPrefix? _prefix;

    /// <summary>What each aggregate adds, in the order that they came in.</summary>
    public IReadOnlyList<LedgerEntry> Entries => _entries;

    /// <summary>What they come to, each key once.</summary>
    public IReadOnlyCollection<CounterIncrement<TState>> Increments => _increments.Values;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId)
    {
        if (_entries.Count == 0 || state.Aggregate != _current)
        {
            _current = state.Aggregate;
            if (_prefix?.IsOf(_current) is not true) _prefix = new LedgerKeyPrefix(_current);
            _entries.Add(new LedgerEntry(_prefix.KeyOf(_current), Encoding.UTF8.GetString(lastEventId)));
        }

        var count = table.Count(state.State);
        _entries[^1].Add(state.Key, count);
        if (!_increments.TryGetValue(state.Key, out var increment)) _increments.Add(state.Key, increment = new CounterIncrement<TState>(state.Key, state.State));
        increment.Add(count, table.LastEventTimestamp(state.State));
    }

    public void Dispose()
    {
        _entries.Clear();
        _increments.Clear();
    }
}

/// <summary>What is added to one row of a counter table.</summary>
/// <param name="key">The projection key, which is the row's id.</param>
/// <param name="sample">Any state with the key: they agree on the key's columns.</param>
internal sealed class CounterIncrement<TState>(string key, TState sample)
{
    public string Key => key;

    public TState Sample => sample;

    /// <summary>How much is added.</summary>
    public int Count { get; private set; }

    /// <summary>The latest event counted, ms since 1970 UTC.</summary>
    public long LastEventTimestamp { get; private set; }

    public void Add(int count, long lastEventTimestamp)
    {
        Count = checked(Count + count);
        LastEventTimestamp = Math.Max(LastEventTimestamp, lastEventTimestamp);
    }

    /// <summary>Takes off what was added before.</summary>
    public void Subtract(int count) => Count -= count;
}

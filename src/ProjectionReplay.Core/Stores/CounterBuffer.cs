using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Stores;

/// <summary>
/// Keeps what each aggregate adds to a counter table, and what all of them come to: states of the same key are added up
/// as they come.
/// </summary>
/// <param name="projection">The projection's name.</param>
/// <param name="table">The counter table.</param>
internal sealed class CounterBuffer<TState>(string projection, CounterTable<TState> table) : IStateBuffer<TState>
    where TState : class
{
    private readonly LedgerRows _ledger = new(projection);
    private readonly Dictionary<string, CounterIncrement<TState>> _increments = new(StringComparer.Ordinal);
    private AggregateKey _current;
    private LedgerKeyPrefix? _prefix;

    /// <summary>What each aggregate adds, in the order that they came in.</summary>
    public LedgerRows Ledger => _ledger;

    /// <summary>What they come to, each key once.</summary>
    public IReadOnlyCollection<CounterIncrement<TState>> Increments => _increments.Values;

    public void Add(in ProjectedState<TState> state, ReadOnlySpan<byte> lastEventId)
    {
        if (_ledger.Count == 0 || state.Aggregate != _current)
        {
            _current = state.Aggregate;
            if (_prefix?.IsOf(_current) is not true) _prefix = new LedgerKeyPrefix(_current);
            _ledger.Begin(_prefix.KeyOf(_current), lastEventId);
        }

        var count = table.Count(state.State);
        if (!_increments.TryGetValue(state.Key, out var increment))
        {
            _increments.Add(state.Key, increment = new CounterIncrement<TState>(state.Key, state.State));
        }

        _ledger.Add(increment.KeyJson, count);
        increment.Add(count, table.LastEventTimestamp(state.State));
    }

    public void Dispose()
    {
        _ledger.Dispose();
        _increments.Clear();
    }
}

/// <summary>What is added to one row of a counter table.</summary>
/// <param name="key">The projection key, which is the row's id.</param>
/// <param name="sample">Any state with the key: they agree on the key's columns.</param>
internal sealed class CounterIncrement<TState>(string key, TState sample)
{
    private byte[]? _keyJson;

    public string Key => key;

    /// <summary>The key as a JSON string in its quotes, UTF-8.</summary>
    public ReadOnlySpan<byte> KeyJson => _keyJson ??= JsonSerializer.SerializeToUtf8Bytes(key, LedgerJson.Default.String);

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

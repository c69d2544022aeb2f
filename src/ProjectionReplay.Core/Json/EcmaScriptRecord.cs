namespace ProjectionReplay.Json;

/// <summary>
/// The members of an object, in the order that JavaScript enumerates them: keys that are array indices first,
/// ascending, then all others as they came. Setting a key again keeps its place. Not thread-safe.
/// </summary>
internal sealed class EcmaScriptRecord
{
    /// <summary>Most objects have a handful of members, which are found faster by looking at them all.</summary>
    private const int MaxUnindexedCount = 8;

    private readonly List<KeyValuePair<string, EcmaScriptValue>> _members = [];
    private Dictionary<string, int>? _positions;

    /// <summary>Where the members stand whose keys are array indices; null when there are none.</summary>
    private List<(uint Index, int Position)>? _indices;
    private int[]? _order;

    /// <summary>The number of members.</summary>
    public int Count => _members.Count;

    /// <summary>The members in JavaScript's order.</summary>
    /// <param name="rank">From 0 up to <see cref="Count"/>.</param>
    public KeyValuePair<string, EcmaScriptValue> this[int rank] =>
        _members[_indices is null ? rank : (_order ??= IndicesFirst(_indices))[rank]];

    /// <summary>Sets a member.</summary>
    public void Set(string key, EcmaScriptValue value)
    {
        if (Find(key) is >= 0 and var position)
        {
            _members[position] = new(key, value);
            return;
        }

        position = _members.Count;
        if (TryGetIndex(key, out var index))
        {
            (_indices ??= []).Add((index, position));
        }

        _order = null;
        _members.Add(new(key, value));
        if (_positions is not null) _positions.Add(key, position);
        else if (_members.Count > MaxUnindexedCount) _positions = IndexMembers();
    }

    /// <summary>Gets a member.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryGet(string key, out EcmaScriptValue value)
    {
        var position = Find(key);
        value = position < 0 ? default : _members[position].Value;
        return position >= 0;
    }

    /// <summary>Whether there is a member of that name.</summary>
    public bool Has(string key) => Find(key) >= 0;

    /// <summary>The members in JavaScript's order. The record must not change meanwhile.</summary>
    public IEnumerator<KeyValuePair<string, EcmaScriptValue>> GetEnumerator()
    {
        for (var rank = 0; rank < Count; rank++) yield return this[rank];
    }

    private int Find(string key)
    {
        if (_positions is not null) return _positions.TryGetValue(key, out var known) ? known : -1;
        for (var position = 0; position < _members.Count; position++)
        {
            if (string.Equals(_members[position].Key, key, StringComparison.Ordinal)) return position;
        }

        return -1;
    }

    private Dictionary<string, int> IndexMembers()
    {
        var positions = new Dictionary<string, int>(_members.Count * 2, StringComparer.Ordinal);
        for (var position = 0; position < _members.Count; position++) positions.Add(_members[position].Key, position);
        return positions;
    }

    private int[] IndicesFirst(List<(uint Index, int Position)> indices)
    {
        indices.Sort(static (left, right) => left.Index.CompareTo(right.Index));
        var isIndex = new bool[_members.Count];
        foreach (var (_, position) in indices) isIndex[position] = true;
        return [.. indices.Select(index => index.Position), .. Enumerable.Range(0, _members.Count).Where(position => !isIndex[position])];
    }

    /// <summary>An array index is written without sign or leading zeros, and is less than 2^32 - 1.</summary>
    private static bool TryGetIndex(string key, out uint index)
    {
        index = 0;
        if (key.Length is 0 or > 10 || (key[0] == '0' && key.Length > 1)) return false;
        var value = 0UL;
        foreach (var character in key)
        {
            if (!char.IsAsciiDigit(character)) return false;
            value = (value * 10) + (uint)(character - '0');
        }

        index = (uint)value;
        return value < uint.MaxValue;
    }
}

namespace ProjectionReplay.Json;

/// <summary>
/// The members of an object, in the order that JavaScript enumerates them: keys that are array indices first,
/// ascending, then all others as they came. Setting a key again keeps its place. Not thread-safe.
/// </summary>
internal sealed class EcmaScriptRecord
{
    private readonly OrderedDictionary<string, EcmaScriptValue> _members = new(StringComparer.Ordinal);
    private List<(uint Index, string Key)>? _indices;

    /// <summary>The number of members.</summary>
    public int Count => _members.Count;

    /// <summary>Sets a member.</summary>
    public void Set(string key, EcmaScriptValue value)
    {
        if (TryGetIndex(key, out var index) && !_members.ContainsKey(key)) (_indices ??= []).Add((index, key));
        _members[key] = value;
    }

    /// <summary>Gets a member.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryGet(string key, out EcmaScriptValue value) => _members.TryGetValue(key, out value);

    /// <summary>The members in JavaScript's order. The record must not change meanwhile.</summary>
    public IEnumerator<KeyValuePair<string, EcmaScriptValue>> GetEnumerator() =>
        _indices is null ? _members.GetEnumerator() : IndicesFirst(_indices).GetEnumerator();

    private IEnumerable<KeyValuePair<string, EcmaScriptValue>> IndicesFirst(List<(uint Index, string Key)> indices)
    {
        indices.Sort(static (left, right) => left.Index.CompareTo(right.Index));
        foreach (var (_, key) in indices) yield return new(key, _members[key]);
        foreach (var member in _members)
        {
            if (!TryGetIndex(member.Key, out _)) yield return member;
        }
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

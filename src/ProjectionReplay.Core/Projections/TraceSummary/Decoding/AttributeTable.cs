namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>Attributes by name. Made to be cleared and filled again. Not thread-safe.</summary>
/// <param name="capacity">The attributes that there are room for at first.</param>
internal sealed class AttributeTable(int capacity = 16)
{
    /// <summary>No name has this index: the place of an attribute that was removed.</summary>
    private const ushort Removed = ushort.MaxValue;

    private ushort[] _names = new ushort[capacity];
    private AttributeValue[] _values = new AttributeValue[capacity];
    private int _count;

    public void Clear()
    {
        _values.AsSpan(0, _count).Clear();
        _count = 0;
    }

    /// <summary>Whether there is an attribute of that name.</summary>
    public bool Has(AttributeName name) => Find(name) >= 0;

    /// <summary>Gets an attribute.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryGet(AttributeName name, out AttributeValue value)
    {
        var position = Find(name);
        value = position < 0 ? default : _values[position];
        return position >= 0;
    }

    /// <summary>Sets an attribute, in place of one of the same name.</summary>
    public void Set(AttributeName name, in AttributeValue value)
    {
        var position = Find(name);
        if (position < 0)
        {
            position = _count++;
            if (_count > _names.Length)
            {
                Array.Resize(ref _names, _count * 2);
                Array.Resize(ref _values, _count * 2);
            }

            _names[position] = name.Index;
        }

        _values[position] = value;
    }

    /// <summary>Removes an attribute.</summary>
    /// <returns>False when there is none.</returns>
    public bool Remove(AttributeName name, out AttributeValue value)
    {
        var position = Find(name);
        value = position < 0 ? default : _values[position];
        if (position >= 0) _names[position] = Removed;
        return position >= 0;
    }

    private int Find(AttributeName name) => _names.AsSpan(0, _count).IndexOf(name.Index);
}

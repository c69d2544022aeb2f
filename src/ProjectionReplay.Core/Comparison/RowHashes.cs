using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace ProjectionReplay.Comparison;

/// <summary>
/// Which rows events account for: eight bytes each, where their keys would take ten times the memory. Among ten million of
/// them a stray row is taken for one with a chance of one in 10^12. Filled first, asked later.
/// </summary>
internal sealed class RowHashes
{
    private readonly List<ulong> _hashes = [];
    private bool _isSorted;

    /// <summary>Adds a row.</summary>
    public void Add(string identity)
    {
        _hashes.Add(Hash(identity));
        _isSorted = false;
    }

    /// <summary>Whether a row was added.</summary>
    public bool Contains(string identity)
    {
        if (!_isSorted) _hashes.Sort();
        _isSorted = true;
        return _hashes.BinarySearch(Hash(identity)) >= 0;
    }

    /// <summary>Tells identities apart.</summary>
    public static ulong Hash(string identity) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(identity.AsSpan()));
}

namespace ProjectionReplay.Folding;

/// <summary>
/// Short runs of bytes, laid side by side in blocks: a hundred thousand of them are a few hundred objects to the garbage
/// collector. They live as long as any of them does. Not thread-safe.
/// </summary>
internal sealed class ByteBlocks
{
    /// <summary>Below the size from which the runtime keeps objects apart and collects them rarely.</summary>
    private const int BlockSize = 64 * 1024;

    private readonly List<byte[]> _blocks = [];
    private byte[] _block = [];
    private int _used;
    private int _next;

    /// <summary>Keeps two runs, the second right behind the first.</summary>
    public ReadOnlyMemory<byte> Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        var length = first.Length + second.Length;
        if (_block.Length - _used < length) (_block, _used) = (NextBlock(length), 0);
        var kept = _block.AsMemory(_used, length);
        first.CopyTo(kept.Span);
        second.CopyTo(kept.Span[first.Length..]);
        _used += length;
        return kept;
    }

    /// <summary>Forgets everything, and keeps the memory. What was handed out is written over from here on.</summary>
    public void Clear() => (_block, _used, _next) = ([], 0, 0);

    private byte[] NextBlock(int length)
    {
        // A run that is longer than a block is a rare thing, and not kept for another.
        if (length > BlockSize) return new byte[length];
        if (_next == _blocks.Count) _blocks.Add(new byte[BlockSize]);
        return _blocks[_next++];
    }
}

namespace ProjectionReplay.Replay;

/// <summary>
/// Short runs of bytes, laid side by side in blocks: a hundred thousand of them are a few hundred objects to the garbage
/// collector. They live as long as any of them does. Not thread-safe.
/// </summary>
internal sealed class ByteBlocks
{
    /// <summary>Below the size from which the runtime keeps objects apart and collects them rarely.</summary>
    private const int BlockSize = 64 * 1024;

    private byte[] _block = [];
    private int _used;

    /// <summary>Keeps two runs, the second right behind the first.</summary>
    public ReadOnlyMemory<byte> Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        var length = first.Length + second.Length;
        if (_block.Length - _used < length) (_block, _used) = (new byte[Math.Max(BlockSize, length)], 0);
        var kept = _block.AsMemory(_used, length);
        first.CopyTo(kept.Span);
        second.CopyTo(kept.Span[first.Length..]);
        _used += length;
        return kept;
    }
}

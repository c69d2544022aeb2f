using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// Memory for the connections, in blocks of 64 KB. Kestrel's own are of 4 KB and it receives one at a time, so that
/// INSERT data would cost a system call for each 4 KB: more processor time than it takes the engine to read it.
/// </summary>
internal sealed class LargeBlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int BlockLength = 64 * 1024;

    /// <summary>Blocks kept: as many as a few connections at full speed have in hand.</summary>
    private const int MostKept = 256;

    private readonly ConcurrentBag<Block> _free = [];
    private int _kept;

    /// <inheritdoc/>
    public override int MaxBufferSize => BlockLength;

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockLength);
        if (!_free.TryTake(out var block))
            return new Block(this);
        Interlocked.Decrement(ref _kept);
        return block;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Connections dispose it with themselves; the blocks are for those that come.
    }

    private void Return(Block block)
    {
        // The bag's own count would stop all that use it.
        if (Interlocked.Increment(ref _kept) <= MostKept)
            _free.Add(block);
        else
            Interlocked.Decrement(ref _kept);
    }

    private sealed class Block(LargeBlockPool pool) : IMemoryOwner<byte>
    {
        // Pinned, as the kernel writes into it.
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockLength, pinned: true);

        public void Dispose() => pool.Return(this);
    }
}

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

    /// <inheritdoc/>
    public override int MaxBufferSize => BlockLength;

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockLength);
        return _free.TryTake(out var block) ? block : new Block(this);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Connections dispose it with themselves; the blocks are for those that come.
    }

    private void Return(Block block)
    {
        if (_free.Count < MostKept)
            _free.Add(block);
    }

    private sealed class Block(LargeBlockPool pool) : IMemoryOwner<byte>
    {
        // Pinned, as the kernel writes into it.
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockLength, pinned: true);

        public void Dispose() => pool.Return(this);
    }
}

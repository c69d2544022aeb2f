using System.Runtime.InteropServices;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>A result, or one chunk of a streamed result, in memory that the engine owns until disposal.</summary>
internal sealed unsafe class ChdbResult : IDisposable
{
    private nint _handle;

    public ChdbResult(nint handle) => _handle = handle;

    /// <summary>The engine's error text, or null.</summary>
    public string? Error => _handle == 0
        ? "the engine returned no result"
        : Marshal.PtrToStringUTF8((nint)ChdbLibrary.ResultError(_handle));

    public int Length => checked((int)ChdbLibrary.ResultLength(_handle));

    public ReadOnlySpan<byte> Data => new(ChdbLibrary.ResultBuffer(_handle), Length);

    public QueryStatistics Statistics => new(
        ChdbLibrary.RowsRead(_handle), ChdbLibrary.BytesRead(_handle),
        ChdbLibrary.RowsWritten(_handle), ChdbLibrary.BytesWritten(_handle), ChdbLibrary.ResultRows(_handle));

    internal nint Handle => _handle;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is var handle && handle != 0)
            ChdbLibrary.DestroyResult(handle);
    }
}

/// <summary>What a query read, wrote and returned: the figures of <c>X-ClickHouse-Summary</c>.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct QueryStatistics(
    ulong ReadRows, ulong ReadBytes, ulong WrittenRows, ulong WrittenBytes, ulong ResultRows);

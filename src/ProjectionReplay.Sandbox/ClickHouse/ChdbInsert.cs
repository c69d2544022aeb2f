using System.Runtime.InteropServices;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>An INSERT under way. Disposing one that was not finished cancels it.</summary>
internal sealed unsafe class ChdbInsert : IDisposable
{
    private nint _handle;

    /// <exception cref="ChdbException">The engine refused the statement.</exception>
    public ChdbInsert(nint handle)
    {
        _handle = handle;
        if (Error is not { } error)
            return;
        Dispose();
        throw new ChdbException(error);
    }

    private string? Error => Marshal.PtrToStringUTF8((nint)ChdbLibrary.InsertError(_handle));

    /// <summary>Hands over data; blocks while the engine is behind.</summary>
    /// <exception cref="ChdbException">The engine could not read or write what it got so far.</exception>
    public void Append(ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            if (ChdbLibrary.Append(_handle, bytes, (nuint)data.Length) == 0)
                return;
        }

        // The reason is known only once the parser's thread has been joined.
        Finish();
        throw new ChdbException("Code: 49. DB::Exception: The INSERT ended early. (LOGICAL_ERROR)");
    }

    /// <summary>Ends the data, waits until it is written, and tells how much that was.</summary>
    /// <exception cref="ChdbException">The data was bad or could not be written.</exception>
    public QueryStatistics Finish()
    {
        using var result = new ChdbResult(ChdbLibrary.FinishInsert(_handle));
        return result.Error is { } error ? throw new ChdbException(Error ?? error) : result.Statistics;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is var handle && handle != 0)
            ChdbLibrary.DestroyInsert(handle);
    }
}

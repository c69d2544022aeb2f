using System.Buffers;
using ClickHouse.Driver.ADO;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// The answer to a query, as a window over RowBinary bytes that moves forward: parse whole rows from
/// <see cref="Buffered"/> with a <see cref="RowBinaryCursor"/>, <see cref="Advance"/> over them, and
/// <see cref="FillAsync"/> for more. Holds one row at least, however large, and little else. Not thread-safe.
/// </summary>
public sealed class RowBinaryReader : IAsyncDisposable
{
    private const int InitialSize = 256 * 1024;

    private readonly Stream _stream;
    private readonly ClickHouseRawResult _result;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(InitialSize);
    private int _start;
    private int _end;

    internal RowBinaryReader(Stream stream, ClickHouseRawResult result)
    {
        _stream = stream;
        _result = result;
    }

    /// <summary>The bytes read and not yet advanced over. Valid until the next <see cref="FillAsync"/>.</summary>
    public ReadOnlySpan<byte> Buffered => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Leaves <paramref name="count"/> bytes behind.</summary>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _end - _start);
        _start += count;
    }

    /// <summary>Reads more bytes behind those buffered.</summary>
    /// <returns>False at the end of the answer.</returns>
    /// <exception cref="EndOfStreamException">The answer ended in the middle of a row.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        MakeRoom();
        var count = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += count;
        if (count == 0 && _end > _start)
        {
            throw new EndOfStreamException("ClickHouse broke off its answer in the middle of a row.");
        }

        return count > 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync().ConfigureAwait(false);
        _result.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = _end = 0;
    }

    private void MakeRoom()
    {
        if (_start == _end)
        {
            _start = _end = 0;
            return;
        }

        if (_end < _buffer.Length) return;

        var remaining = _end - _start;
        var target = remaining > _buffer.Length / 2
            ? ArrayPool<byte>.Shared.Rent(checked(_buffer.Length * 2))
            : _buffer;
        Buffer.BlockCopy(_buffer, _start, target, 0, remaining);
        if (!ReferenceEquals(target, _buffer)) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = target;
        _start = 0;
        _end = remaining;
    }
}

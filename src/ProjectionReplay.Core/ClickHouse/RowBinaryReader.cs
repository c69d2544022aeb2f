using System.Buffers;
using ClickHouse.Driver;
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
    private readonly AnswerTail _tail = new();
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
    /// <returns>
    /// False at the end of the answer. That all of it has come is not proven by that: something on the way may have ended it.
    /// </returns>
    /// <exception cref="IOException">The answer ended in the middle of a row, or broke off.</exception>
    /// <exception cref="ClickHouseServerException">The server failed after it had begun to answer.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        MakeRoom();
        int count;
        try
        {
            count = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or HttpRequestException)
        {
            if (_tail.FindError() is { } words) throw words;
            throw new AnswerIncompleteException($"ClickHouse broke off its answer ({exception.Message.TrimEnd('.')}).", exception);
        }

        if (count > 0)
        {
            _tail.Add(_buffer.AsSpan(_end, count));
            _end += count;
            return true;
        }

        if (_tail.FindError() is { } error) throw error;
        if (_end > _start) throw new AnswerIncompleteException("ClickHouse broke off its answer in the middle of a row.");
        return false;
    }

    /// <summary>Reads to the end of an answer of which all rows were taken.</summary>
    /// <exception cref="IOException">There is more.</exception>
    /// <exception cref="ClickHouseServerException">The server failed after it had begun to answer.</exception>
    internal async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        while (await FillAsync(cancellationToken).ConfigureAwait(false))
        {
            // What comes is left where it is, and found when nothing more does.
        }
    }

    /// <summary>
    /// The error that the answer ends with, where its end is near: its words may have filled up a row that was sent in part.
    /// Nothing can be read afterwards.
    /// </summary>
    internal async ValueTask<ClickHouseServerException?> FindErrorAheadAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var read = 0; read < AnswerTail.Length * 2;)
            {
                MakeRoom();
                var count = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
                if (count == 0) return _tail.FindError();
                _tail.Add(_buffer.AsSpan(_end, count));
                _end += count;
                read += count;
            }

            return null;
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or HttpRequestException)
        {
            return _tail.FindError();
        }
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

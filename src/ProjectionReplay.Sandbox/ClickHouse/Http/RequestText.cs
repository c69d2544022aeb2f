using System.Buffers;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// A request's text: the URL's query, a line break and the body. Its beginning is in memory;
/// what follows is read piece by piece, because it may be INSERT data of any size.
/// </summary>
internal sealed class RequestText : IDisposable
{
    private const int HeadLength = 256 * 1024;
    private const int LongestStatement = 256 * 1024 * 1024;

    private readonly Stream _body;
    private byte[] _head;
    private int _length;
    private bool _ended;

    private RequestText(byte[] query, Stream body)
    {
        _body = body;
        _head = ArrayPool<byte>.Shared.Rent(query.Length + HeadLength);
        query.CopyTo(_head, 0);
        _length = query.Length;
    }

    /// <summary>What has been read so far.</summary>
    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _length);

    /// <summary>Reads the beginning: enough for any INSERT's statement.</summary>
    public static async Task<RequestText> ReadAsync(ClickHouseRequest request, CancellationToken cancellationToken)
    {
        var text = new RequestText(request.QueryBytes(), request.Body);
        try
        {
            while (text._length < text._head.Length && !text._ended)
                await text.ReadMoreAsync(cancellationToken);
            return text;
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    /// <summary>Reads all of it, for a statement that is not an INSERT with data.</summary>
    /// <exception cref="ChdbException">It is longer than 256 MB.</exception>
    public async Task ReadToEndAsync(CancellationToken cancellationToken)
    {
        while (!_ended)
        {
            if (_length == _head.Length)
                Grow();
            await ReadMoreAsync(cancellationToken);
        }
    }

    /// <summary>The INSERT data that begins at <paramref name="start"/>, in pieces of up to 256 KB or the head's length.</summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> DataFromAsync(
        int start, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (start < _length)
            yield return _head.AsMemory(start, _length - start);
        while (!_ended)
        {
            _length = 0;
            while (_length < _head.Length && !_ended)
                await ReadMoreAsync(cancellationToken);
            if (_length > 0)
                yield return Head;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_head);
        _head = [];
    }

    private async Task ReadMoreAsync(CancellationToken cancellationToken)
    {
        var count = await _body.ReadAsync(_head.AsMemory(_length), cancellationToken);
        _ended = count == 0;
        _length += count;
    }

    private void Grow()
    {
        if (_length >= LongestStatement)
            throw new ChdbException("Code: 62. DB::Exception: The statement is longer than 256 MB. (SYNTAX_ERROR)");
        var larger = ArrayPool<byte>.Shared.Rent(_length * 2);
        _head.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_head);
        _head = larger;
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace ProjectionReplay.Stores;

/// <summary>
/// What aggregates contributed, each as the row of the ledger that it becomes, in the format of PostgreSQL's binary COPY
/// (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"): a fraction of the memory of objects, and
/// nothing left to do when it is sent. Not thread-safe.
/// </summary>
/// <param name="projection">The projection's name.</param>
internal sealed class LedgerRows(string projection) : IDisposable
{
    /// <summary>The columns of a row, in their order.</summary>
    public const string Columns = "projection, aggregate_key, cutoff_event_id, contribution";

    private const short ColumnCount = 4;
    private const int BlockSize = 256 * 1024;

    /// <summary>The first byte of a jsonb value says which version of the format it is.</summary>
    private const byte JsonbVersion = 1;

    private readonly byte[] _projection = Encoding.UTF8.GetBytes(projection);
    private readonly List<ArraySegment<byte>> _full = [];
    private byte[] _block = [];
    private int _used;

    // The row in hand: where it starts, and where the length of its contribution goes; negative between two rows.
    private int _rowStart;
    private int _jsonLengthAt = -1;

    /// <summary>How many aggregates there are.</summary>
    public int Count { get; private set; }

    /// <summary>Begins the row of the next aggregate.</summary>
    /// <param name="aggregateKey">What it is called in the ledger.</param>
    /// <param name="cutoff">The last event id that was counted, UTF-8.</param>
    public void Begin(string aggregateKey, ReadOnlySpan<byte> cutoff)
    {
        End();
        _rowStart = _used;
        Count++;
        BinaryPrimitives.WriteInt16BigEndian(Reserve(sizeof(short)), ColumnCount);
        WriteColumn(_projection);
        var keyLength = Encoding.UTF8.GetByteCount(aggregateKey);
        WriteLength(keyLength);
        Encoding.UTF8.GetBytes(aggregateKey, Reserve(keyLength));
        WriteColumn(cutoff);
        Reserve(sizeof(int) + 1);
        _jsonLengthAt = _used - sizeof(int) - 1;
        _block[_used - 1] = JsonbVersion;
    }

    /// <summary>Adds what the aggregate contributed to a projection key; each key once.</summary>
    /// <param name="keyJson">The key, as a JSON string in its quotes.</param>
    /// <param name="count">How much.</param>
    public void Add(ReadOnlySpan<byte> keyJson, int count)
    {
        const int LongestInt = 11;
        var isFirst = _used == _jsonLengthAt + sizeof(int) + 1;
        Reserve(1)[0] = isFirst ? (byte)'{' : (byte)',';
        keyJson.CopyTo(Reserve(keyJson.Length));
        Reserve(1)[0] = (byte)':';
        var digits = Reserve(LongestInt);
        count.TryFormat(digits, out var written, provider: CultureInfo.InvariantCulture);
        _used -= LongestInt - written;
    }

    /// <summary>Sends the rows. May be repeated.</summary>
    public async Task WriteToAsync(Stream destination, CancellationToken cancellationToken)
    {
        End();
        foreach (var block in _full) await destination.WriteAsync(block, cancellationToken).ConfigureAwait(false);
        await destination.WriteAsync(_block.AsMemory(0, _used), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The rows as entries, in the order in which they came.</summary>
    public IEnumerable<LedgerEntry> Read()
    {
        End();
        foreach (var block in (IEnumerable<ArraySegment<byte>>)[.. _full, new ArraySegment<byte>(_block, 0, _used)])
        {
            for (var position = 0; position < block.Count;)
            {
                position += sizeof(short);
                Next(block, ref position);
                var (key, cutoff) = (Text(Next(block, ref position)), Text(Next(block, ref position)));
                yield return new LedgerEntry(key, cutoff, Text(Next(block, ref position)[1..]));
            }
        }

        static ArraySegment<byte> Next(ArraySegment<byte> block, ref int position)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(block.AsSpan(position));
            var column = block.Slice(position + sizeof(int), length);
            position += sizeof(int) + length;
            return column;
        }

        static string Text(ArraySegment<byte> utf8) => Encoding.UTF8.GetString(utf8);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in _full) ArrayPool<byte>.Shared.Return(block.Array!);
        if (_block.Length > 0) ArrayPool<byte>.Shared.Return(_block);
        _full.Clear();
        (_block, _used, _rowStart, _jsonLengthAt, Count) = ([], 0, 0, -1, 0);
    }

    /// <summary>Ends the row in hand, if there is one.</summary>
    private void End()
    {
        if (_jsonLengthAt < 0) return;
        Reserve(1)[0] = (byte)'}';
        BinaryPrimitives.WriteInt32BigEndian(_block.AsSpan(_jsonLengthAt), _used - _jsonLengthAt - sizeof(int));
        _jsonLengthAt = -1;
        _rowStart = _used;
    }

    private void WriteColumn(ReadOnlySpan<byte> value)
    {
        WriteLength(value.Length);
        value.CopyTo(Reserve(value.Length));
    }

    private void WriteLength(int length) => BinaryPrimitives.WriteInt32BigEndian(Reserve(sizeof(int)), length);

    private Span<byte> Reserve(int count)
    {
        if (_block.Length - _used < count) Grow(count);
        var reserved = _block.AsSpan(_used, count);
        _used += count;
        return reserved;
    }

    /// <summary>Goes on in another block. A row stands in one: what there is of it comes along.</summary>
    private void Grow(int count)
    {
        var row = _block.AsSpan(_rowStart, _used - _rowStart);
        var next = ArrayPool<byte>.Shared.Rent(Math.Max(BlockSize, (row.Length + count) * 2));
        row.CopyTo(next);
        if (_rowStart > 0) _full.Add(new ArraySegment<byte>(_block, 0, _rowStart));
        else if (_block.Length > 0) ArrayPool<byte>.Shared.Return(_block);
        if (_jsonLengthAt >= 0) _jsonLengthAt -= _rowStart;
        (_block, _used, _rowStart) = (next, row.Length, 0);
    }
}

/// <summary>What one aggregate contributed.</summary>
/// <param name="AggregateKey">The aggregate, as <see cref="LedgerKeyPrefix.KeyOf"/> calls it.</param>
/// <param name="Cutoff">The last event id that was counted.</param>
/// <param name="Contribution">How much went to which projection key, as a JSON object.</param>
internal readonly record struct LedgerEntry(string AggregateKey, string Cutoff, string Contribution);

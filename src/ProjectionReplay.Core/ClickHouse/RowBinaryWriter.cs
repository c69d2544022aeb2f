using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// Writes values in ClickHouse's RowBinary format, one after the other, into memory: pooled segments that are never
/// copied as more come. Dispose it to give them back. Not thread-safe.
/// See https://clickhouse.com/docs/interfaces/formats/RowBinary for the layout of each type.
/// </summary>
public sealed class RowBinaryWriter : IDisposable
{
    private const int FirstSegmentSize = 16 * 1024;

    /// <summary>Small enough that an unfinished one is no loss.</summary>
    private const int LargestSegmentSize = 128 * 1024;

    /// <summary>The longest unsigned LEB128 of 64 bits.</summary>
    private const int MaxVarUIntLength = 10;

    // The shared pool keeps one of each size for every thread, and the last one to have used it: that would be as many
    // megabytes again.
    private static readonly WeakPool<byte[]> s_largeSegments = new();

    private readonly List<ArraySegment<byte>> _full = [];
    private byte[] _current = [];
    private int _position;
    private long _fullLength;

    /// <summary>The number of bytes written.</summary>
    public long WrittenCount => _fullLength + _position;

    /// <summary>Sends what was written. May be repeated.</summary>
    public async Task WriteToAsync(Stream destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        foreach (var segment in _full) await destination.WriteAsync(segment, cancellationToken).ConfigureAwait(false);
        await destination.WriteAsync(_current.AsMemory(0, _position), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What was written, as one array.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[WrittenCount];
        var copied = 0;
        foreach (var segment in _full)
        {
            segment.CopyTo(bytes, copied);
            copied += segment.Count;
        }

        _current.AsSpan(0, _position).CopyTo(bytes.AsSpan(copied));
        return bytes;
    }

    /// <summary>Some of what was written, where it stands, or put together in a buffer that grows as needed.</summary>
    /// <param name="start">Where it begins, counted from the first byte written.</param>
    /// <param name="length">How long it is.</param>
    /// <param name="segment">Where to look first; 0, then what the call before has left, while places rise.</param>
    /// <param name="buffer">Used where it stands in more than one segment.</param>
    internal ReadOnlySpan<byte> Read(long start, int length, ref WrittenSegment segment, ref byte[] buffer)
    {
        while (start >= segment.Start + Segment(segment.Index).Length)
        {
            segment = new WrittenSegment(segment.Index + 1, segment.Start + Segment(segment.Index).Length);
        }

        var found = Segment(segment.Index)[(int)(start - segment.Start)..];
        if (found.Length >= length) return found[..length];

        if (buffer.Length < length) buffer = new byte[Math.Max(length, buffer.Length * 2)];
        var copied = 0;
        for (var index = segment.Index; ; found = Segment(++index))
        {
            var part = found[..Math.Min(found.Length, length - copied)];
            part.CopyTo(buffer.AsSpan(copied));
            copied += part.Length;
            if (copied == length) return buffer.AsSpan(0, length);
        }
    }

    /// <summary>Bytes that are values already.</summary>
    internal void WriteBytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>Forgets what was written, and keeps the memory.</summary>
    public void Clear()
    {
        foreach (var segment in _full) Return(segment.Array!);
        _full.Clear();
        (_position, _fullLength) = (0, 0);
    }

    /// <summary>String: length as an unsigned LEB128, then UTF-8. Lone surrogates become U+FFFD.</summary>
    public void WriteString(string value)
    {
        if (TryWriteShortAscii(value)) return;
        var byteCount = Encoding.UTF8.GetByteCount(value);
        WriteVarUInt((uint)byteCount);
        Encoding.UTF8.GetBytes(value, Reserve(byteCount));
    }

    /// <summary>String, from its UTF-8.</summary>
    internal void WriteUtf8(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length < 0x80)
        {
            var reserved = Reserve(1 + utf8.Length);
            reserved[0] = (byte)utf8.Length;
            utf8.CopyTo(reserved[1..]);
            return;
        }

        WriteVarUInt((uint)utf8.Length);
        utf8.CopyTo(Reserve(utf8.Length));
    }

    /// <summary>Nullable(String).</summary>
    public void WriteNullableString(string? value)
    {
        if (WriteIsNull(value is null)) return;
        WriteString(value!);
    }

    /// <summary>UInt8, and Bool.</summary>
    public void WriteByte(byte value) => Reserve(1)[0] = value;

    /// <summary>UInt32.</summary>
    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(sizeof(uint)), value);

    /// <summary>UInt64.</summary>
    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(sizeof(ulong)), value);

    /// <summary>Int64, and DateTime64(3) as ms since 1970 UTC.</summary>
    public void WriteInt64(long value) => WriteUInt64(unchecked((ulong)value));

    /// <summary>Float64.</summary>
    public void WriteFloat64(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Reserve(sizeof(double)), value);

    /// <summary>Writes the null flag of a Nullable(T), and says whether the value is null, so that none follows.</summary>
    public bool WriteIsNull(bool isNull)
    {
        WriteByte(isNull ? (byte)1 : (byte)0);
        return isNull;
    }

    /// <summary>An unsigned LEB128: the length before a string, an array or a map.</summary>
    public void WriteVarUInt(ulong value)
    {
        if (value < 0x80)
        {
            WriteByte((byte)value);
            return;
        }

        Span<byte> bytes = stackalloc byte[MaxVarUIntLength];
        var count = 0;
        while (value >= 0x80)
        {
            bytes[count++] = (byte)(value | 0x80);
            value >>= 7;
        }

        bytes[count++] = (byte)value;
        bytes[..count].CopyTo(Reserve(count));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var segment in _full) Return(segment.Array!);
        if (_current.Length > 0) Return(_current);
        _full.Clear();
        (_current, _position, _fullLength) = ([], 0, 0);
    }

    /// <summary>
    /// Writes text with one look at it, which is what most text allows: as many bytes as characters, fewer than need a
    /// second byte for their length.
    /// </summary>
    private bool TryWriteShortAscii(string value)
    {
        var free = _current.AsSpan(_position);
        if (value.Length >= 0x80 || value.Length >= free.Length) return false;
        if (Ascii.FromUtf16(value, free[1..], out _) != OperationStatus.Done) return false;
        free[0] = (byte)value.Length;
        _position += 1 + value.Length;
        return true;
    }

    private static byte[] Rent(int size)
    {
        if (size != LargestSegmentSize) return ArrayPool<byte>.Shared.Rent(size);
        return s_largeSegments.TryTake(out var segment) ? segment : GC.AllocateUninitializedArray<byte>(LargestSegmentSize);
    }

    private static void Return(byte[] segment)
    {
        if (segment.Length == LargestSegmentSize) s_largeSegments.Give(segment);
        else ArrayPool<byte>.Shared.Return(segment);
    }

    private ReadOnlySpan<byte> Segment(int index) => index < _full.Count ? _full[index] : _current.AsSpan(0, _position);

    private Span<byte> Reserve(int count)
    {
        if (_current.Length - _position < count) Grow(count);
        var reserved = _current.AsSpan(_position, count);
        _position += count;
        return reserved;
    }

    private void Grow(int count)
    {
        var size = _current.Length == 0 ? FirstSegmentSize : Math.Min(_current.Length * 2L, LargestSegmentSize);
        var next = Rent((int)Math.Max(size, count));
        if (_position > 0)
        {
            _full.Add(new ArraySegment<byte>(_current, 0, _position));
            _fullLength += _position;
        }
        else if (_current.Length > 0)
        {
            Return(_current);
        }

        (_current, _position) = (next, 0);
    }
}

/// <summary>A segment of what a <see cref="RowBinaryWriter"/> has written.</summary>
/// <param name="Index">Which of them.</param>
/// <param name="Start">Where it begins, counted from the first byte written.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct WrittenSegment(int Index, long Start);

using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// Writes values in ClickHouse's RowBinary format, one after the other, into a growing buffer. Not thread-safe.
/// See https://clickhouse.com/docs/interfaces/formats/RowBinary for the layout of each type.
/// </summary>
public sealed class RowBinaryWriter
{
    private readonly ArrayBufferWriter<byte> _buffer;

    /// <summary>Creates a writer with room for <paramref name="initialCapacity"/> bytes.</summary>
    public RowBinaryWriter(int initialCapacity = 64 * 1024) => _buffer = new ArrayBufferWriter<byte>(initialCapacity);

    /// <summary>The bytes written since the last <see cref="Clear"/>. Valid until the next write.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.WrittenMemory;

    /// <summary>The number of bytes written since the last <see cref="Clear"/>.</summary>
    public int WrittenCount => _buffer.WrittenCount;

    /// <summary>Forgets what was written, and keeps the buffer.</summary>
    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>String: length as an unsigned LEB128, then UTF-8. Lone surrogates become U+FFFD.</summary>
    public void WriteString(string value)
    {
        var byteCount = Encoding.UTF8.GetByteCount(value);
        WriteVarUInt((uint)byteCount);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(byteCount));
        _buffer.Advance(byteCount);
    }

    /// <summary>Nullable(String).</summary>
    public void WriteNullableString(string? value)
    {
        if (WriteIsNull(value is null)) return;
        WriteString(value!);
    }

    /// <summary>UInt8, and Bool.</summary>
    public void WriteByte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    /// <summary>UInt32.</summary>
    public void WriteUInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.GetSpan(sizeof(uint)), value);
        _buffer.Advance(sizeof(uint));
    }

    /// <summary>UInt64.</summary>
    public void WriteUInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_buffer.GetSpan(sizeof(ulong)), value);
        _buffer.Advance(sizeof(ulong));
    }

    /// <summary>Int64, and DateTime64(3) as ms since 1970 UTC.</summary>
    public void WriteInt64(long value) => WriteUInt64(unchecked((ulong)value));

    /// <summary>Float64.</summary>
    public void WriteFloat64(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_buffer.GetSpan(sizeof(double)), value);
        _buffer.Advance(sizeof(double));
    }

    /// <summary>Writes the null flag of a Nullable(T), and says whether the value is null, so that none follows.</summary>
    public bool WriteIsNull(bool isNull)
    {
        WriteByte(isNull ? (byte)1 : (byte)0);
        return isNull;
    }

    /// <summary>An unsigned LEB128: the length before a string, an array or a map.</summary>
    public void WriteVarUInt(ulong value)
    {
        var span = _buffer.GetSpan(10);
        var count = 0;
        while (value >= 0x80)
        {
            span[count++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[count++] = (byte)value;
        _buffer.Advance(count);
    }
}

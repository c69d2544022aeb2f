using System.Buffers.Binary;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// Reads RowBinary values from bytes that may end in the middle of a row: each read says whether its value was whole.
/// </summary>
public ref struct RowBinaryCursor
{
    private readonly ReadOnlySpan<byte> _bytes;
    private int _position;

    /// <summary>Starts at the first of <paramref name="bytes"/>.</summary>
    public RowBinaryCursor(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The number of bytes read so far.</summary>
    public readonly int Position => _position;

    /// <summary>Reads a String as the bytes it holds.</summary>
    /// <returns>False when the bytes end before the value does; the cursor is then of no more use.</returns>
    public bool TryReadString(out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!TryReadVarUInt(out var length) || length > (ulong)(_bytes.Length - _position)) return false;
        value = _bytes.Slice(_position, (int)length);
        _position += (int)length;
        return true;
    }

    /// <summary>Reads a UInt64.</summary>
    /// <returns>False when the bytes end before the value does; the cursor is then of no more use.</returns>
    public bool TryReadUInt64(out ulong value)
    {
        if (!BinaryPrimitives.TryReadUInt64LittleEndian(_bytes[_position..], out value)) return false;
        _position += sizeof(ulong);
        return true;
    }

    /// <summary>Reads a value of a size that is known.</summary>
    /// <returns>False when the bytes end before the value does; the cursor is then of no more use.</returns>
    public bool TryRead(int size, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (size > _bytes.Length - _position) return false;
        value = _bytes.Slice(_position, size);
        _position += size;
        return true;
    }

    /// <summary>Reads a UInt8 or a Bool.</summary>
    /// <returns>False when the bytes end before the value does; the cursor is then of no more use.</returns>
    public bool TryReadByte(out byte value)
    {
        value = 0;
        if (_position >= _bytes.Length) return false;
        value = _bytes[_position++];
        return true;
    }

    /// <summary>Reads an unsigned LEB128: the length before an array or a map.</summary>
    /// <returns>False when the bytes end before the value does; the cursor is then of no more use.</returns>
    public bool TryReadVarUInt(out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (_position >= _bytes.Length) return false;
            var current = _bytes[_position++];
            value |= (ulong)(current & 0x7F) << shift;
            if (current < 0x80) return true;
        }

        throw new InvalidDataException("ClickHouse sent a length that is not a number.");
    }
}

using System.Buffers.Binary;
using System.Numerics;

namespace ProjectionReplay.Events;

/// <summary>
/// ClickHouse's <c>cityHash64</c> of a string: CityHash 1.0.2, which ClickHouse stays with, while later versions of
/// CityHash come to other numbers. For where ClickHouse is not there to be asked.
/// </summary>
internal static class CityHash64
{
    private const ulong K0 = 0xc3a5c85c97cb3127;
    private const ulong K1 = 0xb492b66fbe98f273;
    private const ulong K2 = 0x9ae16a3b2f90404f;
    private const ulong K3 = 0xc949d7c7509e6557;
    private const ulong Multiplier = 0x9ddfea08eb382d69;

    /// <summary>The hash of some bytes.</summary>
    public static ulong Hash(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        <= 16 => HashUpTo16(bytes),
        <= 32 => HashUpTo32(bytes),
        <= 64 => HashUpTo64(bytes),
        _ => HashLong(bytes),
    };

    private static ulong HashUpTo16(ReadOnlySpan<byte> bytes)
    {
        var length = (ulong)bytes.Length;
        switch (bytes.Length)
        {
            case > 8:
                var last = Word(bytes, bytes.Length - 8);
                return Mix(Word(bytes, 0), BitOperations.RotateRight(last + length, bytes.Length)) ^ last;
            case >= 4:
                return Mix(length + ((ulong)HalfWord(bytes, 0) << 3), HalfWord(bytes, bytes.Length - 4));
            case > 0:
                var low = bytes[0] + ((uint)bytes[bytes.Length / 2] << 8);
                var high = (uint)bytes.Length + ((uint)bytes[^1] << 2);
                return Fold((low * K2) ^ (high * K3)) * K2;
            default:
                return K2;
        }
    }

    private static ulong HashUpTo32(ReadOnlySpan<byte> bytes)
    {
        var a = Word(bytes, 0) * K1;
        var b = Word(bytes, 8);
        var c = Word(bytes, bytes.Length - 8) * K2;
        var d = Word(bytes, bytes.Length - 16) * K0;
        return Mix(
            BitOperations.RotateRight(a - b, 43) + BitOperations.RotateRight(c, 30) + d,
            a + BitOperations.RotateRight(b ^ K3, 20) - c + (ulong)bytes.Length);
    }

    private static ulong HashUpTo64(ReadOnlySpan<byte> bytes)
    {
        var head = Stir(bytes, 24, Word(bytes, 0) + ((ulong)bytes.Length + Word(bytes, bytes.Length - 16)) * K0, 8, 16);
        var tail = Stir(bytes, bytes.Length - 8, Word(bytes, 16) + Word(bytes, bytes.Length - 32), bytes.Length - 24, bytes.Length - 16);
        var mixed = Fold(((head.First + tail.Second) * K2) + ((tail.First + head.Second) * K0));
        return Fold((mixed * K0) + head.Second) * K2;
    }

    private static ulong HashLong(ReadOnlySpan<byte> bytes)
    {
        var length = (ulong)bytes.Length;
        var x = Word(bytes, 0);
        var y = Word(bytes, bytes.Length - 16) ^ K1;
        var z = Word(bytes, bytes.Length - 56) ^ K0;
        var v = Stir32(bytes[^64..], length, y);
        var w = Stir32(bytes[^32..], length * K1, K0);
        z += Fold(v.Second) * K1;
        x = BitOperations.RotateRight(z + x, 39) * K1;
        y = BitOperations.RotateRight(y, 33) * K1;

        // The last 64 bytes were taken in above: a rest that does not make up a block is among them.
        for (var rest = bytes[..((bytes.Length - 1) & ~63)]; !rest.IsEmpty; rest = rest[64..])
        {
            x = BitOperations.RotateRight(x + y + v.First + Word(rest, 16), 37) * K1;
            y = BitOperations.RotateRight(y + v.Second + Word(rest, 48), 42) * K1;
            x ^= w.Second;
            y ^= v.First;
            z = BitOperations.RotateRight(z ^ w.First, 33);
            v = Stir32(rest, v.Second * K1, x + w.First);
            w = Stir32(rest[32..], z + w.Second, y);
            (z, x) = (x, z);
        }

        return Mix(Mix(v.First, w.First) + (Fold(y) * K1) + z, Mix(v.Second, w.Second) + x);
    }

    /// <summary>Stirs four words, of which the second and third stand anywhere, into two.</summary>
    private static (ulong First, ulong Second) Stir(ReadOnlySpan<byte> bytes, int fourth, ulong a, int second, int third)
    {
        var z = Word(bytes, fourth);
        var b = BitOperations.RotateRight(a + z, 52);
        var c = BitOperations.RotateRight(a, 37);
        a += Word(bytes, second);
        c += BitOperations.RotateRight(a, 7);
        a += Word(bytes, third);
        return (a + z, b + BitOperations.RotateRight(a, 31) + c);
    }

    /// <summary>Stirs the next 32 bytes and two numbers into two.</summary>
    private static (ulong First, ulong Second) Stir32(ReadOnlySpan<byte> bytes, ulong a, ulong b)
    {
        var last = Word(bytes, 24);
        a += Word(bytes, 0);
        b = BitOperations.RotateRight(b + a + last, 21);
        var c = a;
        a += Word(bytes, 8) + Word(bytes, 16);
        return (a + last, b + BitOperations.RotateRight(a, 44) + c);
    }

    private static ulong Mix(ulong low, ulong high)
    {
        var a = (low ^ high) * Multiplier;
        a ^= a >> 47;
        var b = (high ^ a) * Multiplier;
        b ^= b >> 47;
        return b * Multiplier;
    }

    private static ulong Fold(ulong value) => value ^ (value >> 47);

    private static ulong Word(ReadOnlySpan<byte> bytes, int start) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[start..]);

    private static uint HalfWord(ReadOnlySpan<byte> bytes, int start) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[start..]);
}

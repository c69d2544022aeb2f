using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ProjectionReplay.Projections;

/// <summary>
/// Row ids that sort by time and are the same whenever the row is written: a KSUID whose random part is a hash of what
/// the row stands for. A contract with every row already stored.
/// </summary>
internal static class Ksuid
{
    /// <summary>The characters behind the underscore.</summary>
    public const int EncodedLength = 29;

    private const int PayloadLength = 21;
    private const int LimbCount = 6;
    private const byte HashInstance = 0x52;
    private const int HashLength = 8;

    /// <summary>Five digits at a time: the largest power of 62 that a 32-bit limb can be divided by.</summary>
    private const int DigitsPerDivision = 5;
    private const uint Divisor = 62 * 62 * 62 * 62 * 62;

    /// <summary>A third cheaper than hashing in one call, which makes and frees such a hash each time.</summary>
    [ThreadStatic]
    private static IncrementalHash? t_sha256;

    private static ReadOnlySpan<byte> Alphabet => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8;

    /// <summary>Makes the id.</summary>
    /// <param name="resource">What kind of row it is, for example <c>evalstate</c>.</param>
    /// <param name="milliseconds">The time of the row, ms since 1970 UTC; the id holds whole seconds.</param>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="entityId">What the row stands for, unique among its kind and tenant.</param>
    /// <returns>The resource, an underscore, and 29 characters.</returns>
    public static string Create(string resource, long milliseconds, string tenantId, string entityId)
    {
        Span<byte> encoded = stackalloc byte[EncodedLength];
        Write(encoded, milliseconds, tenantId, Encoding.UTF8.GetBytes(entityId));
        Span<char> characters = stackalloc char[EncodedLength];
        Ascii.ToUtf16(encoded, characters, out _);
        return string.Concat(resource, "_", characters);
    }

    /// <summary>Writes what stands behind the resource and the underscore, as ASCII.</summary>
    public static void Write(Span<byte> destination, long milliseconds, string tenantId, ReadOnlySpan<byte> entityId)
    {
        Span<byte> payload = stackalloc byte[PayloadLength];
        var seconds = Math.DivRem(milliseconds, 1000, out var rest) - (rest < 0 ? 1 : 0);
        BinaryPrimitives.WriteInt64BigEndian(payload, seconds);

        // The first ids were made with this slip, and all others have to match them.
        payload[2] = payload[6];
        payload[3] = payload[7];

        payload[8] = HashInstance;
        Hash(tenantId, entityId, payload.Slice(9, HashLength));
        payload[17..].Clear();

        Encode(payload, destination[..EncodedLength]);
    }

    private static void Hash(string tenantId, ReadOnlySpan<byte> entityId, Span<byte> destination)
    {
        const int MaxStackLength = 512;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var maxLength = Encoding.UTF8.GetMaxByteCount(tenantId.Length) + 1 + entityId.Length;
        var text = maxLength <= MaxStackLength ? stackalloc byte[MaxStackLength] : new byte[maxLength];
        var length = Encoding.UTF8.GetBytes(tenantId, text);
        text[length++] = (byte)':';
        entityId.CopyTo(text[length..]);
        length += entityId.Length;
        var sha256 = t_sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha256.AppendData(text[..length]);
        sha256.GetHashAndReset(hash);
        hash[..HashLength].CopyTo(destination);
    }

    /// <summary>Writes a big-endian number in base 62, padded with zeros on the left.</summary>
    private static void Encode(ReadOnlySpan<byte> number, Span<byte> destination)
    {
        Span<byte> padded = stackalloc byte[LimbCount * sizeof(uint)];
        padded.Clear();
        number.CopyTo(padded[^PayloadLength..]);
        Span<uint> limbs = stackalloc uint[LimbCount];
        for (var i = 0; i < LimbCount; i++) limbs[i] = BinaryPrimitives.ReadUInt32BigEndian(padded[(i * sizeof(uint))..]);

        for (var end = destination.Length; end > 0; end -= DigitsPerDivision)
        {
            // What was divided to nothing need not be divided again.
            limbs = limbs.TrimStart(0u);
            var remainder = Divide(limbs);
            for (var digit = end - 1; digit >= Math.Max(end - DigitsPerDivision, 0); digit--)
            {
                (remainder, var value) = Math.DivRem(remainder, 62);
                destination[digit] = Alphabet[(int)value];
            }
        }
    }

    private static uint Divide(Span<uint> limbs)
    {
        var remainder = 0UL;
        foreach (ref var limb in limbs)
        {
            var dividend = (remainder << 32) | limb;
            (var quotient, remainder) = Math.DivRem(dividend, Divisor);
            limb = (uint)quotient;
        }

        return (uint)remainder;
    }
}

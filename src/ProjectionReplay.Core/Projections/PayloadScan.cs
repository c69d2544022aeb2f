using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text.Json;

namespace ProjectionReplay.Projections;

/// <summary>
/// Finds the fields of a payload in a fraction of the time that <see cref="Utf8JsonReader"/> takes, as long as the
/// payload is what nearly all are: valid, its names without escapes, not nested beyond reason. Of any other it says so,
/// and leaves it to the reader, which alone knows what is refused and in what words.
/// </summary>
internal static class PayloadScan
{
    /// <summary>As many levels as there are bits to note what each of them is.</summary>
    private const int MaxDepth = 64;

    /// <summary>Notes where the fields are.</summary>
    /// <param name="json">The payload.</param>
    /// <param name="fields">The fields.</param>
    /// <param name="values">Takes their places. Not to be used when the answer is no.</param>
    /// <returns>Whether the payload was read to its end. If not, it may be valid nevertheless.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryRead(ReadOnlySpan<byte> json, PayloadFields fields, ref PayloadValues values)
    {
        var position = SkipWhiteSpace(json, 0);
        if (At(json, position) != '{') return false;
        position = SkipWhiteSpace(json, position + 1);
        if (At(json, position) == '}') return IsEnd(json, position + 1);

        // What the levels are, the innermost in the lowest bit: 1 for an object, 0 for an array.
        var levels = 1UL;
        var depth = 1;
        var slot = -1;
        var fieldStart = 0;
        while (true)
        {
            if ((levels & 1) == 1)
            {
                if (At(json, position) != '"') return false;
                var nameStart = position + 1;
                position = FindStringEnd(json, nameStart);
                if (At(json, position) != '"') return false;
                var name = json[nameStart..position];
                position = SkipWhiteSpace(json, position + 1);
                if (At(json, position) != ':') return false;
                position = SkipWhiteSpace(json, position + 1);
                if (depth == 1) (slot, fieldStart) = (fields.Find(name), position);
            }

            var first = At(json, position);
            switch (first)
            {
                case (byte)'"':
                    position = FindStringEnd(json, position + 1);
                    if (At(json, position) == '\\') position = SkipEscapes(json, position);
                    if (At(json, position) != '"') return false;
                    position++;
                    break;
                case (byte)'{' or (byte)'[':
                    position = SkipWhiteSpace(json, position + 1);

                    // In ASCII a closing bracket, curly or square, stands two behind the opening one.
                    if (At(json, position) == first + 2)
                    {
                        position++;
                        break;
                    }

                    if (depth == MaxDepth) return false;
                    levels = (levels << 1) | (first == '{' ? 1UL : 0UL);
                    depth++;
                    continue;
                case (byte)'t' when json[position..].StartsWith("true"u8):
                case (byte)'n' when json[position..].StartsWith("null"u8):
                    position += 4;
                    break;
                case (byte)'f' when json[position..].StartsWith("false"u8):
                    position += 5;
                    break;
                default:
                    position = SkipNumber(json, position);
                    if (position < 0) return false;
                    break;
            }

            // A value has ended, and with it perhaps some of those that it stands in.
            while (true)
            {
                if (depth == 1 && slot >= 0) values.Set(slot, fieldStart, position - fieldStart);
                position = SkipWhiteSpace(json, position);
                var next = At(json, position++);
                if (next == ',') break;
                if (next != ((levels & 1) == 1 ? '}' : ']')) return false;
                if (--depth == 0) return IsEnd(json, position);
                levels >>= 1;
            }

            position = SkipWhiteSpace(json, position);
        }
    }

    /// <summary>The byte, or one that no JSON has where the payload is over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte At(ReadOnlySpan<byte> json, int position) => (uint)position < (uint)json.Length ? json[position] : (byte)0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SkipWhiteSpace(ReadOnlySpan<byte> json, int position) =>
        At(json, position) > ' ' ? position : SkipToText(json, position);

    private static int SkipToText(ReadOnlySpan<byte> json, int position)
    {
        while (At(json, position) is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') position++;
        return position;
    }

    private static bool IsEnd(ReadOnlySpan<byte> json, int position) => SkipWhiteSpace(json, position) == json.Length;

    /// <summary>Finds the next byte that ends a string, begins an escape, or must not be in a string; or the payload's end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FindStringEnd(ReadOnlySpan<byte> json, int position)
    {
        for (; json.Length - position >= Vector128<byte>.Count; position += Vector128<byte>.Count)
        {
            var bytes = Vector128.Create(json.Slice(position, Vector128<byte>.Count));
            var found = Vector128.Equals(bytes, Vector128.Create((byte)'"'))
                | Vector128.Equals(bytes, Vector128.Create((byte)'\\'))
                | Vector128.LessThan(bytes, Vector128.Create((byte)' '));
            if (found != Vector128<byte>.Zero) return position + BitOperations.TrailingZeroCount(found.ExtractMostSignificantBits());
        }

        while (At(json, position) is >= (byte)' ' and not (byte)'"' and not (byte)'\\') position++;
        return position;
    }

    /// <summary>Skips to the end of a string, over well-formed escapes.</summary>
    private static int SkipEscapes(ReadOnlySpan<byte> json, int position)
    {
        while (At(json, position) == '\\')
        {
            switch (At(json, position + 1))
            {
                case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                    position += 2;
                    break;
                case (byte)'u':
                    for (var i = 2; i < 6; i++)
                    {
                        if (!char.IsAsciiHexDigit((char)At(json, position + i))) return position;
                    }

                    position += 6;
                    break;
                default:
                    return position;
            }

            position = FindStringEnd(json, position);
        }

        return position;
    }

    /// <summary>Skips a number.</summary>
    /// <returns>Where it ends, or -1 when there is none.</returns>
    private static int SkipNumber(ReadOnlySpan<byte> json, int position)
    {
        if (At(json, position) == '-') position++;
        if (At(json, position) == '0') position++;
        else if ((position = SkipDigits(json, position)) < 0) return -1;

        if (At(json, position) == '.' && (position = SkipDigits(json, position + 1)) < 0) return -1;
        if (At(json, position) is not ((byte)'e' or (byte)'E')) return position;
        position++;
        if (At(json, position) is (byte)'+' or (byte)'-') position++;
        return SkipDigits(json, position);
    }

    /// <summary>Skips one digit or more.</summary>
    /// <returns>Where they end, or -1 when there is none.</returns>
    private static int SkipDigits(ReadOnlySpan<byte> json, int position)
    {
        var start = position;
        while (char.IsAsciiDigit((char)At(json, position))) position++;
        return position > start ? position : -1;
    }
}

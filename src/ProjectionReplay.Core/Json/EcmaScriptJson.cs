using System.Buffers;
using System.Text;

namespace ProjectionReplay.Json;

/// <summary>
/// JSON read and written exactly as JavaScript's <c>JSON.parse</c> and <c>JSON.stringify</c> do. Nesting may be of any
/// depth: nothing here recurses.
/// </summary>
internal static class EcmaScriptJson
{
    /// <summary>What <c>JSON.stringify(JSON.parse(json))</c> gives: compact, keys in JavaScript's order.</summary>
    /// <param name="utf8Json">One JSON value. Bytes that are not UTF-8 become U+FFFD, as in JavaScript's decoder.</param>
    /// <exception cref="FormatException">It is not JSON. The message gives the position and quotes nothing.</exception>
    public static string Canonicalize(ReadOnlySpan<byte> utf8Json)
    {
        var characters = ArrayPool<char>.Shared.Rent(Encoding.UTF8.GetMaxCharCount(utf8Json.Length));
        try
        {
            var length = Encoding.UTF8.GetChars(utf8Json, characters);
            return Canonicalize(characters.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    /// <inheritdoc cref="Canonicalize(ReadOnlySpan{byte})"/>
    /// <param name="json">One JSON value. Lone surrogates are kept, and written as escapes.</param>
    public static string Canonicalize(ReadOnlySpan<char> json) => Stringify(Parse(json));

    /// <summary>Reads one JSON value, as <c>JSON.parse</c> does.</summary>
    /// <exception cref="FormatException">It is not JSON. The message gives the position and quotes nothing.</exception>
    public static EcmaScriptValue Parse(ReadOnlySpan<char> json) => new EcmaScriptParser(json).Parse();

    /// <summary>Writes a value, as <c>JSON.stringify</c> does.</summary>
    public static string Stringify(EcmaScriptValue value) => new EcmaScriptWriter().Write(value);
}

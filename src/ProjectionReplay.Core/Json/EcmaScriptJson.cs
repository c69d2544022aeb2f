using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
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
    public static string Canonicalize(ReadOnlySpan<byte> utf8Json) => Stringify(Parse(utf8Json));

    /// <inheritdoc cref="Canonicalize(ReadOnlySpan{byte})"/>
    /// <param name="json">One JSON value. Lone surrogates are kept, and written as escapes.</param>
    public static string Canonicalize(ReadOnlySpan<char> json) => Stringify(Parse(json));

    /// <summary>Reads one JSON value, as <c>JSON.parse</c> does.</summary>
    /// <param name="utf8Json">One JSON value. Bytes that are not UTF-8 become U+FFFD, as in JavaScript's decoder.</param>
    /// <exception cref="FormatException">It is not JSON. The message gives the position and quotes nothing.</exception>
    public static EcmaScriptValue Parse(ReadOnlySpan<byte> utf8Json)
    {
        var characters = ArrayPool<char>.Shared.Rent(Encoding.UTF8.GetMaxCharCount(utf8Json.Length));
        try
        {
            var length = Encoding.UTF8.GetChars(utf8Json, characters);
            return Parse(characters.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    /// <param name="json">One JSON value. Lone surrogates are kept.</param>
    public static EcmaScriptValue Parse(ReadOnlySpan<char> json)
    {
        var parser = new EcmaScriptParser(json);
        return parser.TryParse(out var value)
            ? value
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"Not valid JSON at character {parser.FailedAt}."));
    }

    /// <summary>Reads one JSON value, as <c>JSON.parse</c> does, where it may as well be any other text.</summary>
    /// <returns>False when it is not JSON.</returns>
    public static bool TryParse(ReadOnlySpan<char> json, out EcmaScriptValue value) => new EcmaScriptParser(json).TryParse(out value);

    /// <summary>The text of a value, as <c>String(value)</c> gives it.</summary>
    /// <exception cref="InsufficientExecutionStackException">It holds lists in lists beyond all measure.</exception>
    public static string ToText(EcmaScriptValue value)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return value.Kind switch
        {
            EcmaScriptKind.Text => value.Text,
            EcmaScriptKind.Number => EcmaScriptNumber.ToText(value.Number),
            EcmaScriptKind.Boolean => value.Boolean ? "true" : "false",
            EcmaScriptKind.List => string.Join(',', value.List.Select(item => item.Kind == EcmaScriptKind.Null ? "" : ToText(item))),
            EcmaScriptKind.Record => "[object Object]",
            _ => "null",
        };
    }

    /// <summary>Writes a value, as <c>JSON.stringify</c> does.</summary>
    public static string Stringify(EcmaScriptValue value) => new EcmaScriptWriter().Write(value);
}

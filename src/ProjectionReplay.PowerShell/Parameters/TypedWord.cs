using System.Management.Automation.Language;
using System.Text;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// The word that is being completed: what it says so far, without quotes, and how it is quoted. Completions of it say
/// exactly a value, whatever characters that has.
/// </summary>
internal sealed class TypedWord
{
    // PowerShell takes typographic quotes for plain ones.
    private const string SingleQuotes = "'\u2018\u2019\u201a\u201b";
    private const string DoubleQuotes = "\"\u201c\u201d\u201e";

    private readonly char _quote;

    private TypedWord(char quote, string text) => (_quote, Text) = (quote, text);

    /// <summary>What was typed, as PowerShell would read it.</summary>
    public string Text { get; }

    /// <summary>Whether it began with a quote.</summary>
    public bool IsQuoted => _quote != '\0';

    /// <summary>Reads a word as a completer gets it: it may begin with a quote, and end with one or not.</summary>
    public static TypedWord Parse(string word)
    {
        var quote = word.Length == 0 ? '\0'
            : SingleQuotes.Contains(word[0], StringComparison.Ordinal) ? '\''
            : DoubleQuotes.Contains(word[0], StringComparison.Ordinal) ? '"'
            : '\0';
        if (quote == '\0') return new(quote, word);

        var all = quote == '\'' ? SingleQuotes : DoubleQuotes;
        var inner = word[1..];
        if (inner.Length > 0 && all.Contains(inner[^1], StringComparison.Ordinal)) inner = inner[..^1];

        // Quotes are doubled within quotes; a single one at the end was the closing one, and is gone by now.
        foreach (var one in all) inner = inner.Replace(new string(one, 2), one.ToString(), StringComparison.Ordinal);
        return new(quote, quote == '"' ? Unescape(inner) : inner);
    }

    /// <summary>Writes a value in the quotes that the word began with; in none where it needs none.</summary>
    public string Complete(string value) => _quote switch
    {
        '"' => $"\"{Escape(value)}\"",
        '\'' => Quote(value),
        _ => IsPlain(value) ? value : Quote(value),
    };

    private static string Quote(string value) => $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";

    private static string Escape(string value) => string.Concat(value.Select(character =>
        character is '`' or '$' || DoubleQuotes.Contains(character, StringComparison.Ordinal) ? $"`{character}" : character.ToString()));

    private static string Unescape(string text)
    {
        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++) plain.Append(text[i] == '`' && i + 1 < text.Length ? text[++i] : text[i]);
        return plain.ToString();
    }

    // A word that begins with a digit might be taken for a number, and other signs have meanings of their own.
    private static bool IsPlain(string value) =>
        value.Length > 0
        && (char.IsAsciiLetter(value[0]) || value[0] == '_')
        && value.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '.' or ':' or '/');
}

using System.Text;

namespace ProjectionReplay.Sandbox.ClickHouse.Sql;

internal enum SqlTokenKind
{
    End,
    Word,
    Quoted,
    Symbol,
}

/// <summary>
/// Cuts a statement into words, quoted things and single symbols, skipping spaces and comments:
/// just enough to tell where a statement's FORMAT clause is and where INSERT data begins.
/// </summary>
internal ref struct SqlLexer(ReadOnlySpan<byte> text)
{
    private readonly ReadOnlySpan<byte> _text = text;

    public SqlTokenKind Kind { get; private set; }

    /// <summary>Where the token begins.</summary>
    public int Start { get; private set; }

    /// <summary>Where the token ends: the next one is looked for from here.</summary>
    public int End { get; private set; }

    /// <summary>How many brackets of any kind are open before the token.</summary>
    public int Depth { get; private set; }

    public readonly ReadOnlySpan<byte> Token => _text[Start..End];

    public readonly bool IsWord(string upper) =>
        Kind == SqlTokenKind.Word && Ascii.EqualsIgnoreCase(Token, upper);

    public readonly bool IsSymbol(char symbol) => Kind == SqlTokenKind.Symbol && _text[Start] == symbol;

    /// <summary>Moves to the next token; false at the end of the text.</summary>
    public bool Next()
    {
        if (Kind == SqlTokenKind.Symbol && _text[Start] is (byte)'(' or (byte)'[' or (byte)'{')
            Depth++;

        Start = End = SkipBlanks(End);
        if (Start >= _text.Length)
        {
            Kind = SqlTokenKind.End;
            return false;
        }

        var first = _text[Start];
        if (IsWordByte(first))
        {
            Kind = SqlTokenKind.Word;
            while (End < _text.Length && IsWordByte(_text[End]))
                End++;
        }
        else if (first is (byte)'\'' or (byte)'"' or (byte)'`')
        {
            Kind = SqlTokenKind.Quoted;
            End = EndOfQuoted(Start);
        }
        else
        {
            Kind = SqlTokenKind.Symbol;
            End++;
            if (first is (byte)')' or (byte)']' or (byte)'}')
                Depth--;
        }
        return true;
    }

    private static bool IsWordByte(byte value) => value is (byte)'_' or (byte)'$' or >= 0x80 || char.IsAsciiLetterOrDigit((char)value);

    private readonly int EndOfQuoted(int start)
    {
        var quote = _text[start];
        for (var i = start + 1; i < _text.Length; i++)
        {
            if (_text[i] == '\\')
                i++;
            else if (_text[i] == quote)
                return i + 1; // A doubled quote simply begins another quoted token.
        }
        return _text.Length;
    }

    private readonly int SkipBlanks(int at)
    {
        while (at < _text.Length)
        {
            var rest = _text[at..];
            if (rest[0] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)'\f' or (byte)'\v')
                at++;
            else if (rest.StartsWith("--"u8) || rest.StartsWith("# "u8) || rest.StartsWith("#!"u8))
                at = After(at, "\n"u8);
            else if (rest.StartsWith("/*"u8))
                at = After(at + 2, "*/"u8);
            else
                break;
        }
        return at;
    }

    private readonly int After(int at, ReadOnlySpan<byte> mark)
    {
        var found = _text[at..].IndexOf(mark);
        return found < 0 ? _text.Length : at + found + mark.Length;
    }
}

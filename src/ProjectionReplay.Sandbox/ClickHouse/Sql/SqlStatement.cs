using System.Text;

namespace ProjectionReplay.Sandbox.ClickHouse.Sql;

internal enum SqlStatementKind
{
    /// <summary>SELECT: its result can be streamed.</summary>
    Select,

    /// <summary>INSERT whose data follows the statement.</summary>
    InsertData,

    /// <summary>INSERT ... SELECT ... FROM input(...) whose data follows the statement.</summary>
    InsertFromInput,

    /// <summary>Everything else: run at once, result in memory.</summary>
    Other,
}

/// <summary>What the HTTP interface has to know of a statement before the engine parses it.</summary>
/// <param name="Kind">How to run it.</param>
/// <param name="Format">The FORMAT clause's format, or null.</param>
/// <param name="Length">For an INSERT with data: how many bytes the statement without its FORMAT clause has.</param>
/// <param name="DataStart">For an INSERT with data: where the data begins.</param>
/// <param name="InputStart">For input(): where the word is; its opening bracket ends at <paramref name="InputEnd"/>.</param>
/// <param name="InputEnd">See <paramref name="InputStart"/>.</param>
internal sealed record SqlStatement(
    SqlStatementKind Kind, string? Format, int Length = 0, int DataStart = 0, int InputStart = 0, int InputEnd = 0)
{
    /// <summary>Looks at the beginning of a request's text; INSERT data may follow and need not be complete.</summary>
    public static SqlStatement Parse(ReadOnlySpan<byte> text)
    {
        var lexer = new SqlLexer(text);
        while (lexer.Next() && lexer.IsSymbol('('))
        {
            // (SELECT ...) UNION ALL (SELECT ...)
        }
        if (lexer.IsWord("INSERT"))
            return ParseInsert(text, ref lexer);

        var kind = lexer.IsWord("SELECT") || lexer.IsWord("WITH") ? SqlStatementKind.Select : SqlStatementKind.Other;
        return ParseQuery(kind, ref lexer);
    }

    private static SqlStatement ParseQuery(SqlStatementKind kind, ref SqlLexer lexer)
    {
        string? format = null;
        var isOver = false;
        while (lexer.Next())
        {
            // What a second one does would stay in the connection.
            if (isOver)
                throw new ChdbException("Code: 62. DB::Exception: Multi-statements are not allowed. (SYNTAX_ERROR)");
            isOver = lexer.IsSymbol(';') && lexer.Depth == 0;
            if (lexer.IsWord("INTO") && lexer.Depth == 0)
                kind = SqlStatementKind.Other; // INTO OUTFILE
            if (!lexer.IsWord("FORMAT") || lexer.Depth != 0)
                continue;
            if (!lexer.Next())
                break;
            // A column may be called format: only a name at the statement's end is the clause.
            var name = lexer.Kind == SqlTokenKind.Word ? Encoding.ASCII.GetString(lexer.Token) : null;
            if (!lexer.Next() || lexer.IsSymbol(';') || lexer.IsWord("SETTINGS"))
                format = name;
            isOver = lexer.IsSymbol(';') && lexer.Depth == 0;
        }
        return new SqlStatement(kind, format);
    }

    private static SqlStatement ParseInsert(ReadOnlySpan<byte> text, ref SqlLexer lexer)
    {
        var selects = false;
        var (inputStart, inputEnd) = (0, 0);
        while (lexer.Next())
        {
            if (lexer.Kind != SqlTokenKind.Word)
                continue;
            if (lexer.IsWord("INPUT") && selects)
            {
                var start = lexer.Start;
                if (lexer.Next() && lexer.IsSymbol('('))
                    (inputStart, inputEnd) = (start, lexer.End);
            }
            else if (lexer.IsWord("SELECT"))
            {
                selects = true;
            }
            else if (lexer.IsWord("VALUES") && lexer.Depth == 0 && !selects)
            {
                return new SqlStatement(SqlStatementKind.InsertData, "Values", lexer.Start, lexer.End);
            }
            else if (lexer.IsWord("FORMAT") && lexer.Depth == 0 && (!selects || inputEnd > 0))
            {
                var length = lexer.Start;
                if (lexer.Next() && lexer.Kind == SqlTokenKind.Word)
                {
                    return new SqlStatement(
                        selects ? SqlStatementKind.InsertFromInput : SqlStatementKind.InsertData,
                        Encoding.ASCII.GetString(lexer.Token), length, SkipLineEnd(text, lexer.End), inputStart, inputEnd);
                }
            }
        }
        return new SqlStatement(SqlStatementKind.Other, null);
    }

    /// <summary>Between the format's name and the data stand blanks and one line end, as on a server.</summary>
    private static int SkipLineEnd(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\t' or (byte)'\f')
            at++;
        if (at < text.Length && text[at] == '\r')
            at++;
        if (at < text.Length && text[at] == '\n')
            at++;
        return at;
    }
}

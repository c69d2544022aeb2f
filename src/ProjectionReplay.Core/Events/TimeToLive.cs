using System.Text.RegularExpressions;

namespace ProjectionReplay.Events;

/// <summary>Reads the TTL of a table from its engine, as <c>engine_full</c> of system.tables has it.</summary>
internal static partial class TimeToLive
{
    /// <summary>Whether any clause of it removes rows, in place of moving them to another disk or packing them better.</summary>
    public static bool Removes(string engine)
    {
        var start = engine.IndexOf(" TTL ", StringComparison.Ordinal);
        if (start < 0) return false;
        var end = engine.IndexOf(" SETTINGS ", start, StringComparison.Ordinal);
        var clauses = SplitOutsideOfParentheses(end < 0 ? engine[(start + 5)..] : engine[(start + 5)..end]);
        return clauses.Any(clause => !Keeps().IsMatch(clause));
    }

    [GeneratedRegex(@"\sTO (?:DISK|VOLUME) '|\sRECOMPRESS\s", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Keeps();

    private static IEnumerable<string> SplitOutsideOfParentheses(string clauses)
    {
        var (depth, from) = (0, 0);
        for (var i = 0; i < clauses.Length; i++)
        {
            if (clauses[i] == '(') depth++;
            if (clauses[i] == ')') depth--;
            if (clauses[i] != ',' || depth > 0) continue;
            yield return clauses[from..i];
            from = i + 1;
        }

        yield return clauses[from..];
    }
}

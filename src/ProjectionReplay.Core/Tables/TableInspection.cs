using ProjectionReplay.Faults;

namespace ProjectionReplay.Tables;

/// <summary>What a look at a table came to. A replay looks before it marks anything. Immutable.</summary>
/// <param name="Table">The table, unquoted.</param>
/// <param name="Columns">The columns that a replay reads or writes, unquoted; empty when only its store knows.</param>
/// <param name="Findings">What was found, in the order in which it was looked at; of a missing table, that it is missing.</param>
public sealed record TableInspection(string Table, IReadOnlyList<string> Columns, IReadOnlyList<TableFinding> Findings)
{
    /// <summary>Makes sure that a replay can use the table.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: it cannot; the message says why.</exception>
    public void Require()
    {
        if (Findings.FirstOrDefault(finding => finding.Verdict == TableVerdict.Unusable) is not { } finding) return;
        throw new ReplayException(ReplayError.TableMissing, $"{finding.Detail} {finding.Advice}");
    }
}

/// <summary>One thing that was found out about a table.</summary>
/// <param name="Check">What was looked at: <c>Table</c>, <c>Columns</c>, <c>Types</c>, <c>Key</c>.</param>
/// <param name="Verdict">What it means for a replay.</param>
/// <param name="Detail">What was found, as a sentence.</param>
/// <param name="Advice">What to do about it; empty when there is nothing to do.</param>
public sealed record TableFinding(string Check, TableVerdict Verdict, string Detail, string Advice = "");

/// <summary>What a finding means for a replay.</summary>
public enum TableVerdict
{
    /// <summary>It is as it should be.</summary>
    Good,

    /// <summary>A replay goes ahead, and may fail or store another value later on.</summary>
    Doubtful,

    /// <summary>A replay refuses to begin.</summary>
    Unusable,
}

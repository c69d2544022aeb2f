namespace ProjectionReplay.Diagnosis;

/// <summary>What one look at a server came to. Never holds a password. Immutable.</summary>
/// <param name="Server"><c>ClickHouse</c>, <c>Redis</c> or <c>Postgres</c>.</param>
/// <param name="Check">What was looked at: a stable name, such as <c>Connection</c> or <c>Columns</c>.</param>
/// <param name="Subject">The table, schema or projection that it is about; empty when it is about the server.</param>
/// <param name="Result">
/// What it came to: <c>Passed</c>; <c>Warning</c>, a replay would begin, but something is not as it should be;
/// <c>Failed</c>, a replay would fail; or <c>NotChecked</c>, it could not be found out, and the detail says why.
/// </param>
/// <param name="Detail">What was found, as a sentence.</param>
/// <param name="Advice">What to do about it; empty when there is nothing to do.</param>
public sealed record ConnectionCheck(string Server, string Check, string Subject, string Result, string Detail, string Advice);

/// <summary>What a check came to.</summary>
internal enum CheckResult
{
    /// <summary>It is as it should be.</summary>
    Passed,

    /// <summary>A replay would begin, but something is not as it should be.</summary>
    Warning,

    /// <summary>A replay would fail.</summary>
    Failed,

    /// <summary>It could not be found out; the detail says why.</summary>
    NotChecked,
}

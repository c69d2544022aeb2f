namespace ProjectionReplay.Comparison;

/// <summary>One place where a stored row is not what the events come to. Flat, for tables and files. Immutable.</summary>
public sealed record ProjectionDifference
{
    /// <summary>The projection's name.</summary>
    public required string Projection { get; init; }

    /// <summary>The tenant.</summary>
    public required string TenantId { get; init; }

    /// <summary>
    /// The stored row's key: the columns of the table's sorting key without the tenant, in the order that a replay writes
    /// them, with slashes between them; or the id of a counter.
    /// </summary>
    public required string Key { get; init; }

    /// <summary>The column; null when the whole row is missing or too much. For counters that is told by <c>count</c>.</summary>
    public required string? Field { get; init; }

    /// <summary>What is wrong.</summary>
    public required DifferenceKind Kind { get; init; }

    /// <summary>
    /// What the events come to: text, a number, true or false, a UTC time, or null. Arrays and maps are JSON. Text as the
    /// server writes it where the table's column is of another type than a replay sends.
    /// </summary>
    public object? Expected { get; init; }

    /// <summary>What is stored, likewise.</summary>
    public object? Actual { get; init; }

    /// <summary>
    /// The aggregate whose events account for the row, so that it can be replayed by itself. Empty, never null, for a row
    /// that no event accounts for, and for counters, which many aggregates add to.
    /// </summary>
    public required string AggregateId { get; init; }
}

/// <summary>The kinds of difference.</summary>
public enum DifferenceKind
{
    /// <summary>There is no stored row.</summary>
    Missing,

    /// <summary>The stored row has another value.</summary>
    Different,

    /// <summary>No event accounts for the stored row.</summary>
    Extra,
}

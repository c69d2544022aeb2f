namespace ProjectionReplay.Comparison;

/// <summary>How a stored row differs from the one that a replay would store.</summary>
/// <param name="Row">The latter.</param>
/// <param name="Fields">The columns that differ, in the order of the table; null when there is no stored row.</param>
internal sealed record RowDifference(ExpectedRow Row, IReadOnlyList<FieldDifference>? Fields);

/// <summary>How one column differs.</summary>
/// <param name="Column">The column.</param>
/// <param name="Expected">What a replay would store.</param>
/// <param name="Actual">What is stored.</param>
internal readonly record struct FieldDifference(int Column, object? Expected, object? Actual);

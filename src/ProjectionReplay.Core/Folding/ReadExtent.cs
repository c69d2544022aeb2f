using ProjectionReplay.Events;

namespace ProjectionReplay.Folding;

/// <summary>How much of the event log was read, so that what comes to it later is told from that.</summary>
/// <param name="Range">The aggregates.</param>
/// <param name="Rows">All rows of the range, those of aggregates between them included.</param>
/// <param name="Parts">The parts of the table in which the rows stood, or some of them; null when that is not known.</param>
internal readonly record struct ReadExtent(AggregateRange Range, long Rows, IReadOnlyList<ulong>? Parts);

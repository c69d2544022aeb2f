namespace ProjectionReplay.Stores;

/// <summary>
/// Rows of a table that is partitioned by week, put into groups for one insert each: the server refuses an insert that
/// touches more than 100 partitions, and makes a part for each partition that an insert touches.
/// </summary>
internal static class PartitionGroups
{
    /// <summary>
    /// The weeks of an insert. They are counted in UTC, and each may lie in two of the weeks of a server elsewhere.
    /// </summary>
    public const int MaxWeeks = 50;

    private const long MillisecondsPerDay = 86_400_000;

    /// <summary>The weeks of <c>toYearWeek</c> start on a Sunday; 1970-01-01 was a Thursday.</summary>
    private const long DaysSinceSunday = 4;

    /// <summary>Cuts rows into groups. Rows of the same week are always in the same group.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="time">What the table is partitioned by, ms since 1970 UTC; null when it is no matter.</param>
    public static IEnumerable<IReadOnlyList<TRow>> Cut<TRow>(IReadOnlyList<TRow> rows, Func<TRow, long>? time)
    {
        if (time is null) return [rows];
        var weeks = rows.GroupBy(row => WeekOf(time(row))).OrderBy(week => week.Key).ToList();
        return weeks.Count <= MaxWeeks
            ? [rows]
            : weeks.Chunk(MaxWeeks).Select(group => group.SelectMany(week => week).ToList());
    }

    private static long WeekOf(long milliseconds) =>
        (long)Math.Floor(((double)milliseconds / MillisecondsPerDay + DaysSinceSunday) / 7);
}

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

    /// <summary>The week of a time, in ms since 1970 UTC, counted from the one that 1970 began in.</summary>
    public static long WeekOf(long milliseconds) =>
        (long)Math.Floor(((double)milliseconds / MillisecondsPerDay + DaysSinceSunday) / 7);

    /// <summary>Puts rows into groups, in the order of their weeks. Rows of one week are always in one group.</summary>
    public static IEnumerable<IReadOnlyList<TRows>> Cut<TRows>(IEnumerable<KeyValuePair<long, TRows>> rows) =>
        rows.GroupBy(week => week.Key, week => week.Value)
            .OrderBy(week => week.Key)
            .Chunk(MaxWeeks)
            .Select(group => group.SelectMany(week => week).ToList());
}

namespace ProjectionReplay.Stores;

public sealed class PartitionGroupsTests
{
    private const long Day = 86_400_000;

    /// <summary>2023-10-01, a Sunday: the first day of a week in toYearWeek.</summary>
    private static readonly long Sunday = new DateTimeOffset(2023, 10, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    [Fact]
    public void Rows_of_few_weeks_are_one_group_in_the_order_of_the_weeks()
    {
        long[] weeks = [.. Enumerable.Range(0, PartitionGroups.MaxWeeks).Reverse()];
        Assert.Equal(weeks.Order(), Assert.Single(Cut(weeks)));
    }

    [Fact]
    public void Rows_of_many_weeks_are_cut_between_weeks_into_few_groups()
    {
        // Three streams that all have rows of each week.
        long[] weeks = [.. Enumerable.Range(0, 3 * 120).Select(number => (long)(number * 11 % 120))];
        var groups = Cut(weeks).ToList();
        Assert.Equal(3, groups.Count);
        Assert.Equal(weeks.Order(), groups.SelectMany(group => group));
        Assert.All(groups, group => Assert.True(group.Distinct().Count() <= PartitionGroups.MaxWeeks));
        Assert.Equal(120, groups.Sum(group => group.Distinct().Count()));
    }

    [Fact]
    public void Weeks_begin_on_a_sunday()
    {
        var week = PartitionGroups.WeekOf(Sunday);
        Assert.Equal(week - 1, PartitionGroups.WeekOf(Sunday - 1));
        Assert.Equal(week, PartitionGroups.WeekOf(Sunday + (7 * Day) - 1));
        Assert.Equal(week + 1, PartitionGroups.WeekOf(Sunday + (7 * Day)));
    }

    [Fact]
    public void Times_before_1970_have_weeks_too()
    {
        Assert.Equal(PartitionGroups.WeekOf(0), PartitionGroups.WeekOf(-4 * Day));
        Assert.Equal(PartitionGroups.WeekOf(0) - 1, PartitionGroups.WeekOf((-4 * Day) - 1));
    }

    private static IEnumerable<IReadOnlyList<long>> Cut(IEnumerable<long> weeks) =>
        PartitionGroups.Cut(weeks.Select(week => KeyValuePair.Create(week, week)));
}

namespace ProjectionReplay.Stores;

public sealed class PartitionGroupsTests
{
    private const long Day = 86_400_000;

    /// <summary>2023-10-01, a Sunday: the first day of a week in toYearWeek.</summary>
    private static readonly long Sunday = new DateTimeOffset(2023, 10, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    [Fact]
    public void Rows_of_few_weeks_are_one_group_in_their_own_order()
    {
        long[] times = [.. Enumerable.Range(0, 7 * PartitionGroups.MaxWeeks).Select(day => Sunday + (day * Day)).Reverse()];
        Assert.Equal(times, Assert.Single(PartitionGroups.Cut(times, time => time)));
    }

    [Fact]
    public void Rows_of_many_weeks_are_cut_between_weeks_into_few_groups()
    {
        long[] times = [.. Enumerable.Range(0, 7 * 120).Select(number => Sunday + (number * 11 % (7 * 120) * Day))];
        var groups = PartitionGroups.Cut(times, time => time).ToList();
        Assert.Equal(3, groups.Count);
        Assert.Equal(times.Order(), groups.SelectMany(group => group).Order());
        var weeks = groups.ConvertAll(group => group.Select(time => (time - Sunday) / (7 * Day)).ToHashSet());
        Assert.All(weeks, group => Assert.True(group.Count <= PartitionGroups.MaxWeeks));
        Assert.Equal(120, weeks.Sum(group => group.Count));
    }

    [Fact]
    public void Times_before_1970_have_weeks_too()
    {
        var groups = PartitionGroups.Cut([-1L, -4 * Day, (-4 * Day) - 1, 0], time => time).ToList();
        Assert.Single(groups);
    }

    [Fact]
    public void A_table_that_is_not_partitioned_by_row_is_one_insert() => Assert.Single(PartitionGroups.Cut([1L, 2, 3], time: null));
}

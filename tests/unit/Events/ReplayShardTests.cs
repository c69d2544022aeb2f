using ProjectionReplay.Faults;

namespace ProjectionReplay.Events;

/// <summary>A shard as an operator writes it.</summary>
public sealed class ReplayShardTests
{
    [Theory]
    [InlineData("1/1", 1, 1)]
    [InlineData("3/8", 3, 8)]
    [InlineData("4096/4096", 4096, 4096)]
    [InlineData("03/8", 3, 8)]
    public void A_shard_is_read_and_written_as_i_of_n(string text, int index, int count)
    {
        var shard = ReplayShard.Parse(text);

        Assert.Equal((index, count), (shard.Index, shard.Count));
        Assert.Equal(new ReplayShard(index, count), shard);
        Assert.Equal(shard, ReplayShard.Parse(shard.ToString()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("3")]
    [InlineData("/8")]
    [InlineData("3/")]
    [InlineData("0/8")]
    [InlineData("9/8")]
    [InlineData("1/0")]
    [InlineData("1/4097")]
    [InlineData("-1/8")]
    [InlineData("+1/8")]
    [InlineData("1.5/8")]
    [InlineData("1/8/2")]
    [InlineData(" 1/8")]
    [InlineData("1 / 8")]
    [InlineData("1of8")]
    [InlineData("0.375")]
    [InlineData("99999999999/99999999999")]
    [InlineData("１/８")]
    public void Anything_else_is_refused_with_the_form_and_the_range(string? text)
    {
        Assert.False(ReplayShard.TryParse(text, out var shard));
        Assert.Null(shard);
        var exception = Assert.Throws<ReplayException>(() => ReplayShard.Parse(text));
        Assert.Equal(ReplayError.OptionInvalid, exception.Error);
        Assert.Contains("i/n", exception.Message, StringComparison.Ordinal);
        Assert.Contains("from 1 to 4096", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 4097)]
    public void Numbers_out_of_range_make_no_shard(int index, int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReplayShard(index, count));

    [Fact]
    public void Every_aggregate_is_in_one_shard_of_each_count_and_shards_are_alike_in_size()
    {
        var ids = Enumerable.Range(0, 8_000).Select(number => $"eval_{number}").ToList();

        var sizes = ReplayShard.All(8).Select(shard => ids.Count(shard.Includes)).ToList();

        Assert.Equal(ids.Count, sizes.Sum());
        Assert.All(sizes, size => Assert.InRange(size, 800, 1_200));
        Assert.All(ids, id => Assert.Single(ReplayShard.All(8), shard => shard.Includes(id)));
    }
}

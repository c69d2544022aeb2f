using ProjectionReplay.Coordination;
using ProjectionReplay.Events;

namespace ProjectionReplay.Shards;

/// <summary>Which markers and completed members a shard takes for its own: never what may be another's.</summary>
public sealed class ShardKeysTests
{
    private static readonly IReadOnlyList<ReplayShard> Shards = [.. ReplayShard.All(4)];

    [Theory]
    [InlineData("evaluation", "e1", "evaluation")]
    [InlineData("evaluation", "e:1", "evaluation")]
    [InlineData("evaluation", "", "evaluation")]
    [InlineData("evaluation", "Zürich 😀", "evaluation")]
    [InlineData("trace", "t1", "evaluation,trace,experiment_run")]
    [InlineData("trace", "t1", "")]
    [InlineData("strange type", "t1", "")]
    [InlineData("my:type", "a:b", "my:type")]
    public void A_key_that_can_be_read_in_one_way_is_of_one_shard(string type, string id, string types)
    {
        var key = new AggregateKey("tenant", type, id);

        foreach (var shard in Shards) Assert.Equal(shard.Includes(id), Filter(shard, types).Matches(key.ToString()));
    }

    [Fact]
    public void A_key_that_can_be_read_in_two_ways_is_a_shards_only_if_it_is_both_ways()
    {
        var (together, apart) = (0, 0);
        for (var number = 0; number < 200; number++)
        {
            // Aggregate b:{number} of type my, or {number} of type my:b; and with any type allowed either as well.
            var (long_, short_) = ($"b:{number}", $"{number}");
            var owner = Shards.Single(shard => shard.Includes(long_));
            var isSame = owner.Includes(short_);
            foreach (var types in (string[])["my,my:b", ""])
            {
                foreach (var shard in Shards) Assert.Equal(shard == owner && isSame, Filter(shard, types).Matches($"tenant:my:{long_}"));
            }

            if (isSame) together++;
            else apart++;
        }

        Assert.True(together > 0 && apart > 0, "The test should have met both cases.");
    }

    [Fact]
    public void A_key_that_is_known_to_be_the_shards_own_is_so_however_it_may_be_read()
    {
        for (var number = 0; number < 50; number++)
        {
            var own = new AggregateKey("tenant", "trace", $"b:trace:{number}");
            var shard = Shards.Single(each => each.Includes(own.AggregateId));

            Assert.True(Filter(shard, "", own).Matches(own.ToString()));
            Assert.False(Filter(shard, "", own).Matches($"tenant:trace:b:trace:{number}x"), "Another tenant's, perhaps.");
        }
    }

    [Theory]
    [InlineData("tenant2:evaluation:e1")]
    [InlineData("tenant:evaluation:trace:e1")]
    [InlineData("tenant")]
    [InlineData("tenant:evaluation")]
    [InlineData("")]
    public void What_is_not_the_tenants_is_no_shards(string key)
    {
        foreach (var shard in Shards)
        {
            Assert.False(Filter(shard, "evaluation").Matches(key));
            Assert.False(Filter(shard, "").Matches(key));
        }
    }

    private static AggregateFilter Filter(ReplayShard shard, string types, params AggregateKey[] own)
    {
        string[] names = types.Length == 0 ? [] : types.Split(',');
        return new AggregateFilter(
            "tenant", names, own, ShardKeys.Of(new EventSelection("tenant", names, ["any"], DateTimeOffset.UnixEpoch, shard)));
    }
}

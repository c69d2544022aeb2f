using StackExchange.Redis;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class RedisTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private Task<ConnectionMultiplexer> ConnectAsync() =>
        ConnectionMultiplexer.ConnectAsync(sandbox.Process.RedisUrl!.Replace("redis://", "", StringComparison.Ordinal));

    private static string Key() => Guid.NewGuid().ToString("N");

    [Fact]
    public async Task Hashes_sets_and_sorted_sets_work()
    {
        await using var redis = await ConnectAsync();
        var db = redis.GetDatabase();
        var (hash, set, sorted) = (Key(), Key(), Key());
        await db.HashSetAsync(hash, [new("a", "1"), new("b", "2")]);
        Assert.Equal(2, await db.HashLengthAsync(hash));
        Assert.True(await db.HashDeleteAsync(hash, "a"));
        await db.SetAddAsync(set, ["x", "y"]);
        Assert.True(await db.SetContainsAsync(set, "y"));
        await db.SortedSetAddAsync(sorted, "late", 2);
        await db.SortedSetAddAsync(sorted, "early", 1);
        Assert.Equal("early", (await db.SortedSetRangeByRankAsync(sorted, 0, 0))[0]);
    }

    [Fact]
    public async Task Transactions_hold_their_conditions()
    {
        await using var redis = await ConnectAsync();
        var db = redis.GetDatabase();
        var key = Key();
        var first = db.CreateTransaction();
        first.AddCondition(Condition.KeyNotExists(key));
        _ = first.HashSetAsync(key, "a", "1");
        Assert.True(await first.ExecuteAsync());
        var second = db.CreateTransaction();
        second.AddCondition(Condition.KeyNotExists(key));
        _ = second.HashSetAsync(key, "a", "2");
        Assert.False(await second.ExecuteAsync());
        Assert.Equal("1", await db.HashGetAsync(key, "a"));
    }

    [Fact]
    public async Task Locks_are_taken_extended_and_released()
    {
        await using var redis = await ConnectAsync();
        var db = redis.GetDatabase();
        var key = Key();
        Assert.True(await db.LockTakeAsync(key, "me", TimeSpan.FromMinutes(1)));
        Assert.False(await db.LockTakeAsync(key, "you", TimeSpan.FromMinutes(1)));
        Assert.True(await db.LockExtendAsync(key, "me", TimeSpan.FromMinutes(2)));
        Assert.False(await db.LockReleaseAsync(key, "you"));
        Assert.True(await db.LockReleaseAsync(key, "me"));
    }

    [Fact]
    public async Task Keys_and_hash_fields_expire()
    {
        await using var redis = await ConnectAsync();
        var db = redis.GetDatabase();
        var (key, hash) = (Key(), Key());
        await db.StringSetAsync(key, "1");
        Assert.True(await db.KeyExpireAsync(key, TimeSpan.FromMilliseconds(1500)));
        Assert.InRange((await db.KeyTimeToLiveAsync(key))!.Value.TotalMilliseconds, 1, 1500);
        await db.HashSetAsync(hash, "a", "1");
        Assert.Equal([ExpireResult.Success], await db.HashFieldExpireAsync(hash, ["a"], TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Scripts_run()
    {
        await using var redis = await ConnectAsync();
        var db = redis.GetDatabase();
        var key = Key();
        const string Script = "redis.call('SET', KEYS[1], ARGV[1]); return tonumber(redis.call('GET', KEYS[1])) + 1";
        Assert.Equal(3, (int)await db.ScriptEvaluateAsync(Script, [key], [2]));
    }

    [Fact]
    public async Task Keys_are_scanned_by_pattern()
    {
        await using var redis = await ConnectAsync();
        var prefix = Key();
        for (var i = 0; i < 20; i++)
            await redis.GetDatabase().StringSetAsync($"{prefix}:{i}", "1");
        var server = redis.GetServer(redis.GetEndPoints()[0]);
        Assert.Equal(20, await server.KeysAsync(pattern: prefix + ":*").CountAsync(TestContext.Current.CancellationToken));
    }
}

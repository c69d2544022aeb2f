using System.Text;
using ProjectionReplay.Redis;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>The jobs of a few aggregates are found among those of many.</summary>
public sealed class StagedJobsTests(TestServers servers) : IClassFixture<TestServers>
{
    private readonly string _queueName = $"{{jobs{Guid.NewGuid():N}}}";

    [Fact]
    public async Task The_few_that_have_jobs_are_found_with_them()
    {
        await servers.Redis.SortedSetAddAsync(Key(3, "jobs"), [new("a", 1), new("b", 2)]);
        await servers.Redis.StringSetAsync(Key(499, "active"), "c");
        await servers.Redis.StringSetAsync(Key(500, "active"), "d");
        await servers.Redis.SortedSetAddAsync(Key(500, "jobs"), "d", 7);
        await servers.Redis.SortedSetAddAsync(Key(1_233, "jobs"), "e", 3);

        var found = await FindAsync(1_234);

        Assert.Equal(["e3", "e499", "e500", "e1233"], found.Select(snapshot => Encoding.UTF8.GetString(snapshot.Key.Span)));
        Assert.Equal(
            ["a 1, b 2", "c -∞", "d 7", "e 3"],
            found.Select(snapshot => string.Join(", ", snapshot.Jobs.Select(job =>
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{job.Key} {job.Value}")
                    .Replace("-Infinity", "-∞", StringComparison.Ordinal)))));
        await servers.Redis.KeyDeleteAsync([Key(3, "jobs"), Key(499, "active"), Key(500, "active"), Key(500, "jobs"), Key(1_233, "jobs")]);
    }

    [Fact]
    public async Task None_is_found_where_no_job_is()
    {
        await servers.Redis.StringSetAsync($"{_queueName}:gq:group:e2:other", "x");

        Assert.Empty(await FindAsync(1_234));
        Assert.Empty(await FindAsync(0));

        await servers.Redis.KeyDeleteAsync($"{_queueName}:gq:group:e2:other");
    }

    [Fact]
    public async Task One_look_after_another_finds_what_is_there_by_then()
    {
        await using var redis = await ConnectAsync();
        var jobs = new StagedJobs(redis, _queueName, TimeProvider.System);
        await servers.Redis.SortedSetAddAsync(Key(9_007, "jobs"), "a", 1);
        await servers.Redis.StringSetAsync(Key(19_999, "active"), "b");

        // Of 20,000 most are asked for in the memory of others, whose keys are as long or not.
        Assert.Equal(["e9007", "e19999"], await NamesAsync("e"));
        Assert.Empty(await NamesAsync("f"));
        Assert.Empty(await NamesAsync("another"));

        await servers.Redis.KeyDeleteAsync(Key(9_007, "jobs"));
        await servers.Redis.SortedSetAddAsync(Key(10_000, "jobs"), "c", 1);

        Assert.Equal(["e10000", "e19999"], await NamesAsync("e"));
        await servers.Redis.KeyDeleteAsync([Key(10_000, "jobs"), Key(19_999, "active")]);

        async Task<IEnumerable<string>> NamesAsync(string name)
        {
            var found = await jobs.SnapshotAsync(Names(name, 20_000), TestContext.Current.CancellationToken);
            return found.Select(snapshot => Encoding.UTF8.GetString(snapshot.Key.Span));
        }
    }

    [Fact]
    public async Task A_job_that_was_put_behind_those_that_are_waited_for_was_tried()
    {
        await using var redis = await ConnectAsync();
        var jobs = new StagedJobs(redis, _queueName, TimeProvider.System);
        await servers.Redis.SortedSetAddAsync(Key(1, "jobs"), [new("a", 1), new("b", 2)]);
        var found = await jobs.SnapshotAsync(Names("e", 3), TestContext.Current.CancellationToken);
        await servers.Redis.SortedSetAddAsync(Key(1, "jobs"), [.. Enumerable.Range(3, 50).Select(at => new SortedSetEntry($"j{at}", at))]);
        await servers.Redis.SortedSetRemoveAsync(Key(1, "jobs"), "a");

        var (stuck, anyTried) = await jobs.WaitAsync(found, TimeSpan.Zero, TestContext.Current.CancellationToken);

        Assert.True(anyTried);
        var group = Assert.Single(stuck);
        Assert.Equal(("b", 2d), (group.Jobs.Keys.Single().ToString(), group.LastScore));
        await servers.Redis.SortedSetAddAsync(Key(1, "jobs"), "b", 60);
        Assert.Empty((await jobs.WaitAsync(found, TimeSpan.Zero, TestContext.Current.CancellationToken)).Stuck);
        await servers.Redis.KeyDeleteAsync(Key(1, "jobs"));
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Names(string name, int count) =>
        Enumerable.Range(0, count).Select(number => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes($"{name}{number}")));

    private async Task<List<JobSnapshot>> FindAsync(int count)
    {
        await using var redis = await ConnectAsync();
        return await new StagedJobs(redis, _queueName, TimeProvider.System).SnapshotAsync(
            Names("e", count), TestContext.Current.CancellationToken);
    }

    private Task<RedisServer> ConnectAsync() => RedisServer.ConnectAsync(
        Configuration.ServerSettings.Redis(new Configuration.ConnectionUrl(servers.RedisUrl, "test")).Options,
        TestContext.Current.CancellationToken);

    private string Key(int number, string kind) => $"{_queueName}:gq:group:e{number}:{kind}";
}

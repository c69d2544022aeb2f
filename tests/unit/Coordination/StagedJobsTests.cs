using System.Text;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Coordination;

/// <summary>The jobs of a few aggregates are found among those of many.</summary>
public sealed class StagedJobsTests(TestServers servers)
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
            found.Select(snapshot => string.Join(", ", snapshot.Jobs.Select(job => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{job.Key} {job.Value}").Replace("-Infinity", "-∞", StringComparison.Ordinal)))));
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

    private async Task<List<JobSnapshot>> FindAsync(int count)
    {
        await using var redis = await RedisServer.ConnectAsync(
            Configuration.ServerSettings.Redis(new Configuration.ConnectionUrl(servers.RedisUrl, "test")).Options, TestContext.Current.CancellationToken);
        return await new StagedJobs(redis, _queueName, TimeProvider.System).SnapshotAsync(
            Enumerable.Range(0, count).Select(number => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes($"e{number}"))), TestContext.Current.CancellationToken);
    }

    private string Key(int number, string kind) => $"{_queueName}:gq:group:e{number}:{kind}";
}

using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace LiveWorker;

/// <summary>
/// A queue of one group for each aggregate: the jobs of a group are handled one at a time and in order, those of
/// different groups side by side. Safe for concurrent use, by any number of processes. Its keys in Redis:
/// <list type="bullet">
/// <item><c>{queue}:gq:group:{tenant}:{type}:{id}:jobs</c>, a sorted set: the ids of the jobs, by their place. A job
/// stays there until it is done, so that one whose worker died comes up again.</item>
/// <item><c>...:active</c>, a string that expires: the id of the job in hand. While it is there no other is taken.</item>
/// <item><c>...:data</c>, a hash: the events, by the jobs' places.</item>
/// </list>
/// A replay looks at the first two.
/// </summary>
/// <param name="redis">The database.</param>
/// <param name="name">The queue's name, with braces around it: they keep a group's keys in one slot of a cluster.</param>
public sealed class GroupQueue(IDatabase redis, string name)
{
    private const string DispatchScript = """
        if redis.call('EXISTS', KEYS[1]) == 1 then return false end
        local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
        if not first then return false end
        redis.call('SET', KEYS[1], first, 'PX', ARGV[1])
        return first
        """;

    private const string CompleteScript = """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('ZREM', KEYS[2], ARGV[1])
        redis.call('HDEL', KEYS[3], ARGV[2])
        redis.call('DEL', KEYS[1])
        return 1
        """;

    // The new id takes the old one's place. The old one stays active for the time of the backoff: the group rests.
    private const string DeferScript = """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('ZREM', KEYS[2], ARGV[1])
        redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
        return 1
        """;

    private readonly string _groupPrefix = $"{name}:gq:group:";

    /// <summary>How long a job may be in hand. It comes up again when that is over.</summary>
    public static TimeSpan ActiveExpiry { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Adds a job. Its event must be visible in <c>event_log</c> by now.</summary>
    public async Task StageAsync(LiveEvent liveEvent)
    {
        var group = _groupPrefix + liveEvent.Aggregate;
        var order = await redis.StringIncrementAsync($"{name}:gq:order");
        var job = new LiveJob(group, order, Attempt: 0, liveEvent);
        var transaction = redis.CreateTransaction();
        _ = transaction.HashSetAsync(Data(group), order, JsonSerializer.Serialize(liveEvent));
        _ = transaction.SortedSetAddAsync(Jobs(group), job.Id, order);
        await transaction.ExecuteAsync();
    }

    /// <summary>The groups that have jobs. A busy system would keep a list of them; this one looks through the keys.</summary>
    public async IAsyncEnumerable<string> GroupsAsync()
    {
        foreach (var server in redis.Multiplexer.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }))
        {
            await foreach (var key in server.KeysAsync(redis.Database, _groupPrefix + "*:jobs"))
            {
                yield return key.ToString()[..^":jobs".Length];
            }
        }
    }

    /// <summary>Takes the first job of a group, unless another is in hand or the group rests.</summary>
    public async Task<LiveJob?> DispatchAsync(string group)
    {
        var id = await redis.ScriptEvaluateAsync(DispatchScript, [Active(group), Jobs(group)], [(long)ActiveExpiry.TotalMilliseconds]);
        if (id.IsNull || id.ToString().Split('.') is not [var place, var attempt]) return null;
        var order = long.Parse(place, CultureInfo.InvariantCulture);
        var data = await redis.HashGetAsync(Data(group), order);

        // Done meanwhile by a worker that everybody had given up.
        if (data.IsNull) return null;
        return new LiveJob(
            group, order, int.Parse(attempt, CultureInfo.InvariantCulture), JsonSerializer.Deserialize<LiveEvent>(data.ToString())!);
    }

    /// <summary>Removes a job that is done.</summary>
    public Task CompleteAsync(LiveJob job) => redis.ScriptEvaluateAsync(
        CompleteScript, [Active(job.Group), Jobs(job.Group), Data(job.Group)], [job.Id, job.Order]);

    /// <summary>Puts a job back in its place, under a new id, and lets its group rest for a while.</summary>
    public Task DeferAsync(LiveJob job, TimeSpan backoff) => redis.ScriptEvaluateAsync(
        DeferScript,
        [Active(job.Group), Jobs(job.Group)],
        [job.Id, job.Order, (job with { Attempt = job.Attempt + 1 }).Id, (long)backoff.TotalMilliseconds]);

    private static RedisKey Active(string group) => group + ":active";

    private static RedisKey Jobs(string group) => group + ":jobs";

    private static RedisKey Data(string group) => group + ":data";
}

using ProjectionReplay.Events;
using StackExchange.Redis;

namespace ProjectionReplay.Live;

/// <summary>
/// A small group queue with the key layout of the live system: jobs of one aggregate are dispatched one at a time and
/// in the order they were staged. A deferred job is staged again under a new id and keeps its place; until its backoff
/// is over the group's active key stays, with the old id.
/// </summary>
internal sealed class LiveQueue(IDatabase redis, string queueName)
{
    private static readonly TimeSpan ActiveExpiry = TimeSpan.FromMinutes(2);

    private const string DispatchScript = """
        if redis.call('EXISTS', KEYS[1]) == 1 then return nil end
        local first = redis.call('ZRANGE', KEYS[2], 0, 0)
        if #first == 0 then return nil end
        redis.call('ZREM', KEYS[2], first[1])
        redis.call('SET', KEYS[1], first[1], 'PX', ARGV[1])
        return first[1]
        """;

    private const string CompleteScript = """
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
        redis.call('HDEL', KEYS[2], ARGV[1])
        return 1
        """;

    private const string DeferScript = """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('HSET', KEYS[3], ARGV[2], redis.call('HGET', KEYS[3], ARGV[1]))
        redis.call('HDEL', KEYS[3], ARGV[1])
        redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
        """;

    private long _sequence;

    /// <summary>Adds a job for an event that is visible in the event log already.</summary>
    public async Task StageAsync(AggregateKey aggregate, string eventJson)
    {
        var order = Interlocked.Increment(ref _sequence);
        var transaction = redis.CreateTransaction();
        _ = transaction.HashSetAsync(Key(aggregate, "data"), $"job-{order}", eventJson);
        _ = transaction.SortedSetAddAsync(Key(aggregate, "jobs"), $"job-{order}", order);
        await transaction.ExecuteAsync();
    }

    /// <summary>Takes an aggregate's next job, if none is at work or backing off.</summary>
    public async Task<LiveJob?> DispatchAsync(AggregateKey aggregate)
    {
        var id = await redis.ScriptEvaluateAsync(
            DispatchScript, [Key(aggregate, "active"), Key(aggregate, "jobs")], [(long)ActiveExpiry.TotalMilliseconds]);
        if (id.IsNull) return null;
        var eventJson = await redis.HashGetAsync(Key(aggregate, "data"), (RedisValue)id);
        return new LiveJob(aggregate, ((RedisValue)id).ToString(), eventJson.ToString());
    }

    public Task CompleteAsync(LiveJob job) =>
        redis.ScriptEvaluateAsync(CompleteScript, [Key(job.Aggregate, "active"), Key(job.Aggregate, "data")], [job.Id]);

    /// <summary>Stages a job again, at its old place.</summary>
    public Task DeferAsync(LiveJob job, TimeSpan backoff)
    {
        var parts = job.Id.Split('.');
        var again = $"{parts[0]}.{(parts.Length > 1 ? int.Parse(parts[1], null) : 0) + 1}";
        var place = long.Parse(parts[0]["job-".Length..], null);
        return redis.ScriptEvaluateAsync(
            DeferScript,
            [Key(job.Aggregate, "active"), Key(job.Aggregate, "jobs"), Key(job.Aggregate, "data")],
            [job.Id, again, (long)backoff.TotalMilliseconds, place]);
    }

    /// <summary>Whether an aggregate has no job left.</summary>
    public async Task<bool> IsIdleAsync(AggregateKey aggregate) =>
        await redis.KeyExistsAsync([Key(aggregate, "active"), Key(aggregate, "jobs")]) == 0;

    private RedisKey Key(AggregateKey aggregate, string kind) => $"{queueName}:gq:group:{aggregate}:{kind}";
}

/// <summary>A job at work.</summary>
internal sealed record LiveJob(AggregateKey Aggregate, string Id, string EventJson);

using System.Text;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>The Redis keys of a live queue, in which each aggregate is a group. Key names are a wire contract.</summary>
internal sealed class GroupKeys(string queueName)
{
    // Shared by all keys, which hold only what differs.
    private readonly RedisKey _prefix = Encoding.UTF8.GetBytes(queueName + ":gq:group:");

    /// <summary>Holds the id of the job at work.</summary>
    /// <param name="key">The aggregate's key string, UTF-8.</param>
    public RedisKey Active(ReadOnlyMemory<byte> key) => Key(key, ":active"u8);

    /// <summary>Holds the jobs that are staged.</summary>
    /// <param name="key">The aggregate's key string, UTF-8.</param>
    public RedisKey Jobs(ReadOnlyMemory<byte> key) => Key(key, ":jobs"u8);

    private RedisKey Key(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> kind) => ((RedisKey)(byte[])[.. key.Span, .. kind]).Prepend(_prefix);
}

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

    /// <summary>Both keys of some groups, the jobs first, in memory that is used again where it fits.</summary>
    /// <param name="keys">The aggregates' key strings, UTF-8.</param>
    /// <param name="block">Where to put them; as long as <paramref name="keys"/>.</param>
    public void Fill(ReadOnlySpan<ReadOnlyMemory<byte>> keys, GroupKeyBlock block)
    {
        for (var i = 0; i < keys.Length; i++)
        {
            Fill(block, 2 * i, keys[i].Span, ":jobs"u8);
            Fill(block, (2 * i) + 1, keys[i].Span, ":active"u8);
        }
    }

    private RedisKey Key(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> kind) => ((RedisKey)(byte[])[.. key.Span, .. kind]).Prepend(_prefix);

    private void Fill(GroupKeyBlock block, int index, ReadOnlySpan<byte> key, ReadOnlySpan<byte> kind)
    {
        ref var text = ref block.Texts[index];
        if (text?.Length != key.Length + kind.Length)
        {
            text = new byte[key.Length + kind.Length];
            block.Keys[index] = ((RedisKey)text).Prepend(_prefix);
        }

        key.CopyTo(text);
        kind.CopyTo(text.AsSpan(key.Length));
    }
}

/// <summary>
/// Room for the keys of some groups. A client wants an array for each key: made anew, they would be two fifths of all that a
/// replay allocates, and many would outlive the young generations.
/// </summary>
/// <param name="groups">How many groups.</param>
internal sealed class GroupKeyBlock(int groups)
{
    /// <summary>The keys, two for each group.</summary>
    public RedisKey[] Keys { get; } = new RedisKey[groups * 2];

    /// <summary>What differs in each key; written over with the keys of other groups.</summary>
    internal byte[]?[] Texts { get; } = new byte[groups * 2][];
}

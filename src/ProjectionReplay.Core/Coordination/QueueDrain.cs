using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Waits until no live job is at work that was dispatched before its aggregate was marked. A job dispatched later
/// meets the marker by itself, and a staged one will too, so only the active ones matter.
/// </summary>
internal sealed class QueueDrain(RedisServer redis, string queueName, TimeProvider timeProvider)
{
    /// <summary>Keys in one command: small enough not to hold up others.</summary>
    private const int ChunkSize = 1_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    private readonly GroupKeys _groupKeys = new(queueName);

    /// <summary>Waits for the jobs of some aggregates, which must be marked already.</summary>
    /// <param name="keys">The aggregates' key strings, UTF-8.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellationToken">Abandons the wait.</param>
    /// <returns>The key strings, UTF-8, of those whose job did not end in time; empty when all is well.</returns>
    public Task<IReadOnlyList<ReadOnlyMemory<byte>>> WaitAsync(
        IEnumerable<ReadOnlyMemory<byte>> keys, TimeSpan timeout, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Watching jobs in flight", token => WaitOnceAsync(keys, timeout, token), cancellationToken);

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>> WaitOnceAsync(
        IEnumerable<ReadOnlyMemory<byte>> keys, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        var waiting = await FirstLookAsync(keys, cancellationToken).ConfigureAwait(false);
        for (var pause = FirstPause; waiting.Count > 0; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var left = timeout - timeProvider.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) break;
            await Task.Delay(pause < left ? pause : left, timeProvider, cancellationToken).ConfigureAwait(false);
            waiting = await LookAgainAsync(waiting, cancellationToken).ConfigureAwait(false);
        }

        return [.. waiting.Select(watch => watch.Key)];
    }

    /// <summary>The jobs that are at work, in one round trip. Most aggregates have none, and are not held on to.</summary>
    private async Task<List<Watch>> FirstLookAsync(IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        var looks = await ChunkedCommands.SendAsync(
            keys,
            ChunkSize,
            async chunk =>
            {
                var jobs = await redis.Database.StringGetAsync(Array.ConvertAll(chunk, _groupKeys.Active)).ConfigureAwait(false);
                return Array.TrueForAll(jobs, job => job.IsNull)
                    ? []
                    : chunk.Zip(jobs).Where(pair => !pair.Second.IsNull).Select(pair => new Watch(pair.First, pair.Second)).ToList();
            },
            cancellationToken).ConfigureAwait(false);
        return [.. looks.SelectMany(look => look)];
    }

    /// <summary>Those that are still at the job that was first seen.</summary>
    private async Task<List<Watch>> LookAgainAsync(List<Watch> watches, CancellationToken cancellationToken)
    {
        var looks = await ChunkedCommands.SendAsync(
            watches,
            ChunkSize,
            chunk => redis.Database.StringGetAsync(Array.ConvertAll(chunk, watch => _groupKeys.Active(watch.Key))),
            cancellationToken).ConfigureAwait(false);
        return [.. watches.Zip(looks.SelectMany(look => look)).Where(pair => pair.First.Job == pair.Second).Select(pair => pair.First)];
    }

    private readonly record struct Watch(ReadOnlyMemory<byte> Key, RedisValue Job);
}

using ProjectionReplay.Events;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Waits until no live job is at work that was dispatched before its aggregate was marked. A job dispatched later
/// meets the marker by itself, and a staged one will too, so only the active ones matter.
/// </summary>
internal sealed class QueueDrain(RedisServer redis, string queueName, TimeProvider timeProvider)
{
    /// <summary>
    /// Keys in one command: small enough not to hold up others. All are in one slot of a cluster, as the braces of the
    /// queue's name make them.
    /// </summary>
    private const int ChunkSize = 1_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits for the jobs of some aggregates, which must be marked already.</summary>
    /// <returns>The aggregates whose job did not end in time; empty when all is well.</returns>
    public async Task<IReadOnlyList<AggregateKey>> WaitAsync(
        IReadOnlyList<AggregateKey> aggregates, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        var waiting = await LookAsync([.. aggregates.Select(aggregate => new Watch(aggregate, ActiveKey(aggregate)))], cancellationToken).ConfigureAwait(false);
        for (var pause = FirstPause; waiting.Count > 0; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var left = timeout - timeProvider.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) break;
            await Task.Delay(pause < left ? pause : left, timeProvider, cancellationToken).ConfigureAwait(false);
            waiting = await LookAsync(waiting, cancellationToken).ConfigureAwait(false);
        }

        return [.. waiting.Select(watch => watch.Aggregate)];
    }

    private RedisKey ActiveKey(AggregateKey aggregate) => $"{queueName}:gq:group:{aggregate}:active";

    /// <summary>One look at all of them, in one round trip: those still at the job that was first seen remain.</summary>
    private async Task<List<Watch>> LookAsync(IReadOnlyList<Watch> watches, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(watches.Chunk(ChunkSize).Select(chunk =>
            redis.Database.StringGetAsync(Array.ConvertAll(chunk, watch => watch.ActiveKey)))).WaitAsync(cancellationToken).ConfigureAwait(false);
        var jobs = answers.SelectMany(answer => answer).ToList();
        var waiting = new List<Watch>();
        for (var i = 0; i < jobs.Count; i++)
        {
            if (jobs[i].IsNull) continue;
            var watch = watches[i];
            if (watch.Job.IsNull) waiting.Add(watch with { Job = jobs[i] });
            else if (watch.Job == jobs[i]) waiting.Add(watch);
        }

        return waiting;
    }

    private readonly record struct Watch(AggregateKey Aggregate, RedisKey ActiveKey, RedisValue Job = default);
}

using System.Collections.Concurrent;
using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Watches the jobs that live handlers have before them, staged or at work. While one is there for an event that a
/// replay folds, the event's marker must not go: the job would find none, and the event be folded a second time.
/// </summary>
internal sealed class StagedJobs(RedisServer redis, string queueName, TimeProvider timeProvider)
{
    /// <summary>
    /// Groups in one command, two keys each: in one slot of a cluster, as those of <see cref="QueueDrain"/> are. Where one of
    /// many has a job, fewer at a time are asked for.
    /// </summary>
    private const int ManyGroups = 500;
    private const int FewGroups = 20;

    /// <summary>Groups whose jobs are asked for at once: an answer has as many as a queue has put off, which may be thousands.</summary>
    private const int GroupsAtOnce = 100;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    /// <summary>How long is waited for jobs at least, where none was tried the last few times.</summary>
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(2);

    /// <summary>Waits in which no job was tried, until workers are taken to be off, and not those jobs put off for long.</summary>
    private const int FewTimes = 3;

    private readonly GroupKeys _groupKeys = new(queueName);
    private volatile int _untriedInARow;
    private readonly ConcurrentBag<GroupKeyBlock> _idleBlocks = [];

    /// <summary>The jobs that there are at the moment, of those aggregates that have any. One round trip when none has.</summary>
    /// <param name="keys">The aggregates' key strings, UTF-8.</param>
    /// <param name="cancellationToken">Abandons the look.</param>
    public Task<List<JobSnapshot>> SnapshotAsync(IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Looking for jobs", token => SnapshotOnceAsync(keys, token), cancellationToken);

    private async Task<List<JobSnapshot>> SnapshotOnceAsync(
        IEnumerable<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        var candidates = await FindChunksAsync(keys, ManyGroups, cancellationToken).ConfigureAwait(false);
        if (candidates.Count > 0) candidates = await FindChunksAsync(candidates, FewGroups, cancellationToken).ConfigureAwait(false);
        var busy = candidates.ConvertAll(key => new JobSnapshot(key, _groupKeys.Active(key), _groupKeys.Jobs(key)));
        foreach (var (group, jobs) in busy.Zip(await LookAsync(busy, cancellationToken).ConfigureAwait(false))) group.Jobs = jobs;
        busy.RemoveAll(group => group.Jobs.Count == 0);
        return busy;
    }

    /// <summary>
    /// Waits until each job of some snapshots was tried since: it is gone, or staged again under a new id or with a
    /// later score. In a queue where a job that is put off keeps its place, those behind it are not tried before it, and
    /// need not be: they are for later events. Forgets the jobs that were tried.
    /// </summary>
    /// <returns>The snapshots with a job that was not tried in time, and whether any job was.</returns>
    /// <remarks>
    /// Where nobody tried any job for the whole time, three times in a row, the next waits are short ones, as workers are off:
    /// but as soon as a job is tried they are not, and the wait has its whole time again.
    /// </remarks>
    public Task<(List<JobSnapshot> Stuck, bool AnyTried)> WaitAsync(
        IReadOnlyList<JobSnapshot> snapshots, TimeSpan timeout, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Watching staged jobs", token => WaitOnceAsync(snapshots, timeout, token), cancellationToken);

    private async Task<(List<JobSnapshot> Stuck, bool AnyTried)> WaitOnceAsync(
        IReadOnlyList<JobSnapshot> snapshots, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (snapshots.Count == 0) return ([], false);
        var started = timeProvider.GetTimestamp();
        var waiting = snapshots.ToList();
        var anyTried = false;
        var isHasty = _untriedInARow >= FewTimes && timeout > LeastPatience;
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            foreach (var (group, jobs) in waiting.Zip(await LookAsync(waiting, cancellationToken).ConfigureAwait(false)))
            {
                anyTried |= group.Forget(jobs);
            }

            waiting.RemoveAll(group => group.Jobs.Count == 0);
            if (anyTried) (_untriedInARow, isHasty) = (0, false);
            var left = (isHasty ? LeastPatience : timeout) - timeProvider.GetElapsedTime(started);
            if (waiting.Count == 0 || left <= TimeSpan.Zero)
            {
                if (waiting.Count > 0 && !anyTried) _untriedInARow++;
                return (waiting, anyTried);
            }

            await Task.Delay(pause < left ? pause : left, timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Those of the aggregates that are in one command with some that have a job.</summary>
    private async Task<List<ReadOnlyMemory<byte>>> FindChunksAsync(
        IEnumerable<ReadOnlyMemory<byte>> keys, int chunkSize, CancellationToken cancellationToken)
    {
        var looks = await ChunkedCommands.SendAsync(
            keys,
            chunkSize,
            async chunk => await HasAnyJobAsync(chunk).ConfigureAwait(false) ? chunk.ToArray() : [],
            cancellationToken).ConfigureAwait(false);
        return [.. looks.SelectMany(look => look)];
    }

    private async Task<bool> HasAnyJobAsync(ReadOnlyMemory<byte>[] keys)
    {
        if (keys.Length != ManyGroups || !_idleBlocks.TryTake(out var block)) block = new GroupKeyBlock(keys.Length);

        // The jobs of a group before its active one, as a job that is dispatched goes from there to here: not every server that
        // speaks Redis looks at all keys of a command at the same moment.
        _groupKeys.Fill(keys, block);
        var found = await redis.Database.KeyExistsAsync(block.Keys).ConfigureAwait(false);

        // Answered, so that nothing is going to send it any more. A command that fails may lie in a queue still.
        if (keys.Length == ManyGroups) _idleBlocks.Add(block);
        return found > 0;
    }

    /// <summary>
    /// The jobs that there are, group by group. Those behind all that a group waits for are left out: they came since, may be
    /// many, and are of no account.
    /// </summary>
    private async Task<IReadOnlyList<Dictionary<RedisValue, double>>> LookAsync(
        List<JobSnapshot> groups, CancellationToken cancellationToken)
    {
        var found = new List<Dictionary<RedisValue, double>>(groups.Count);
        foreach (var chunk in groups.Chunk(GroupsAtOnce))
        {
            found.AddRange(await Task.WhenAll(chunk.Select(LookAsync)).WaitAsync(cancellationToken).ConfigureAwait(false));
        }

        return found;
    }

    private async Task<Dictionary<RedisValue, double>> LookAsync(JobSnapshot group)
    {
        // Both at the same moment: a job on its way from one to the other must not be missed.
        var transaction = redis.Database.CreateTransaction();
        var active = transaction.StringGetAsync(group.ActiveKey);
        var staged = transaction.SortedSetRangeByScoreWithScoresAsync(group.JobsKey, stop: group.LastScore);
        await transaction.ExecuteAsync().ConfigureAwait(false);

        var jobs = (await staged.ConfigureAwait(false)).ToDictionary(entry => entry.Element, entry => entry.Score);

        // A queue may leave a job staged while it is at work: should its worker die, it is as untried as it was before.
        if (await active.ConfigureAwait(false) is { IsNull: false } job) jobs.TryAdd(job, double.NegativeInfinity);
        return jobs;
    }
}

/// <summary>The jobs of one aggregate at some moment, staged or at work.</summary>
internal sealed class JobSnapshot(ReadOnlyMemory<byte> key, RedisKey activeKey, RedisKey jobsKey)
{
    /// <summary>The aggregate's key string, UTF-8.</summary>
    public ReadOnlyMemory<byte> Key => key;

    public RedisKey ActiveKey => activeKey;

    public RedisKey JobsKey => jobsKey;

    // The first place in the queue that a job was tried at.
    private double _firstTried = double.PositiveInfinity;

    /// <summary>Ids with the score that each is staged by.</summary>
    public Dictionary<RedisValue, double> Jobs { get; set; } = [];

    /// <summary>The last place in the queue that is waited for; none is too far while nobody has looked.</summary>
    public double LastScore => Jobs.Count == 0 ? double.PositiveInfinity : Jobs.Values.Max();

    /// <summary>Forgets the jobs that were tried meanwhile. Returns whether there were any.</summary>
    public bool Forget(Dictionary<RedisValue, double> now)
    {
        // A job at work has no score: it counts as tried when it is gone, or staged again.
        var tried = Jobs.Where(job => !now.TryGetValue(job.Key, out var score) || score > job.Value).ToList();
        foreach (var job in tried) Jobs.Remove(job.Key);
        if (tried.Count > 0) _firstTried = Math.Min(_firstTried, tried.Min(job => job.Value));

        // One that was tried and stands at its old place again, under another id, holds up those behind it.
        var putOff = now.Where(job => job.Value >= _firstTried && !Jobs.ContainsKey(job.Key))
            .Select(job => job.Value)
            .DefaultIfEmpty(double.PositiveInfinity)
            .Min();
        foreach (var job in Jobs.Where(job => job.Value > putOff).ToList()) Jobs.Remove(job.Key);
        return tried.Count > 0;
    }
}

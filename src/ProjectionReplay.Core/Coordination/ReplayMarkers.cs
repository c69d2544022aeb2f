using System.Runtime.CompilerServices;
using ProjectionReplay.Faults;
using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// The markers of one projection in Redis: what makes live handlers defer or skip events of the aggregates being
/// replayed, and which aggregates an unfinished run has completed. Key names and values are a wire contract.
/// What is said to be done once is retried by nobody here. Safe for concurrent use.
/// </summary>
internal sealed class ReplayMarkers(RedisServer redis, string projection)
{
    public const string CutoffPrefix = "projection-replay:cutoff:";
    public const string CompletedPrefix = "projection-replay:completed:";
    public const string Pending = "pending";

    /// <summary>Fields in one command: large enough that round trips do not count, small enough not to hold up others.</summary>
    private const int ChunkSize = 1_000;

    private const string Removing = "Removing markers";
    private const string RecordingRebuild = "Recording the rebuild";

    /// <summary>The last net under markers that nobody came back for.</summary>
    private static readonly TimeSpan MarkerLifetime = TimeSpan.FromDays(7);

    private static readonly RedisValue PendingValue = Pending;

    private volatile bool _runsScripts = true;
    private readonly RedisKey _cutoffKey = CutoffPrefix + projection;
    private readonly RedisKey _completedKey = CompletedPrefix + projection;

    /// <summary>
    /// The lock that markers are set and removed under, once there is one: a run that was stopped for longer than its lock
    /// lasts must not touch the markers of whoever came after it. Checked at the same moment as the markers are changed; on a
    /// cluster, where the two are in two slots, right before.
    /// </summary>
    public ReplayLock? Fence { get; set; }

    /// <summary>What scans are made with, which are made again as a whole.</summary>
    public Retries Retries => redis.Retries;

    private IDatabase Database => redis.Database;

    /// <summary>Stands while a tenant's counters are being rebuilt.</summary>
    public static RedisKey RebuildKey(string projection, string tenantId) => $"projection-replay:rebuild:{projection}:{tenantId}";

    /// <summary>Marks aggregates as pending: from here on live handlers defer their events.</summary>
    public Task MarkPendingAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        SetAsync("Setting markers", keys.Select(key => new HashEntry(key, PendingValue)), cancellationToken);

    /// <summary>Replaces pending by the cutoff: live handlers skip events up to it and go on deferring later ones.</summary>
    public Task SetCutoffsAsync(IEnumerable<HashEntry> cutoffs, CancellationToken cancellationToken) =>
        SetAsync("Setting cutoffs", cutoffs, cancellationToken);

    /// <summary>
    /// Unmarks aggregates and records them as completed, in one transaction: a crash leaves both or neither. On a
    /// cluster, where the two keys are in two slots, it unmarks first. A crash in between then leaves aggregates that
    /// live handlers have back and a resume replays once more, which adds nothing: rows are replaced, and counters are
    /// in the ledger. The other way round it would leave markers on aggregates that no resume replays, and events that
    /// came in late would be skipped by the live handlers meanwhile, and lost.
    /// </summary>
    /// <returns>
    /// How many were marked; null when that is not known, as what a second try does not find may have been removed by the first.
    /// </returns>
    public async Task<long?> CompleteAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken)
    {
        var tries = 0;
        var removed = await redis.Retries.CallAsync(
            Removing,
            token =>
            {
                tries++;
                return ChunkedCommands.SendAsync<RedisValue, long>(
                    keys, ChunkSize, redis.IsCluster ? CompleteOnClusterAsync : CompleteAtOnceAsync, token);
            },
            cancellationToken).ConfigureAwait(false);
        return tries > 1 ? null : removed.Sum();
    }

    /// <summary>Unmarks aggregates without recording them: live handlers take them back.</summary>
    public Task RemoveAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync(Removing, token => RemoveOnceAsync(keys, token), cancellationToken);

    /// <summary>The same, as a part of something that is made again as a whole.</summary>
    public Task RemoveOnceAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        ForEachChunkAsync(keys, RemoveAsync, cancellationToken);

    /// <summary>Which of some aggregates an unfinished run has completed, in their order.</summary>
    public async Task<bool[]> FindCompletedAsync(IReadOnlyList<RedisValue> keys, CancellationToken cancellationToken)
    {
        var answers = await redis.Retries.CallAsync(
            "Reading the completed set",
            token => ChunkedCommands.SendAsync(
                keys, ChunkSize, chunk => Database.SetContainsAsync(_completedKey, chunk), token),
            cancellationToken).ConfigureAwait(false);
        return [.. answers.SelectMany(answer => answer)];
    }

    /// <summary>Forgets that aggregates were completed.</summary>
    public Task ForgetCompletedAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Clearing the completed set", token => ForgetCompletedOnceAsync(keys, token), cancellationToken);

    /// <summary>The same, as a part of something that is made again as a whole.</summary>
    public Task ForgetCompletedOnceAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        ForEachChunkAsync(keys, chunk => Database.SetRemoveAsync(_completedKey, chunk), cancellationToken);

    /// <summary>
    /// Forgets all that is completed, of whichever tenant, if it is so many aggregates; else nothing. Checked and done at
    /// once. Looking through a large set for one's own takes seconds.
    /// </summary>
    public Task<bool> TryForgetAllCompletedAsync(long count, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Clearing the completed set", token => TryForgetAllCompletedOnceAsync(count, token), cancellationToken);

    private Task<bool> TryForgetAllCompletedOnceAsync(long count, CancellationToken cancellationToken)
    {
        var transaction = Database.CreateTransaction();
        transaction.AddCondition(Condition.SetLengthEqual(_completedKey, count));
        var removed = transaction.ExecuteAsync("UNLINK", _completedKey);
        return ForgottenAsync().WaitAsync(cancellationToken);

        async Task<bool> ForgottenAsync()
        {
            if (!await transaction.ExecuteAsync().ConfigureAwait(false)) return false;
            await removed.ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>Records that a tenant's counters are being rebuilt: until it is done they hold only a part.</summary>
    /// <returns>Whether one stood there before, which was not ended.</returns>
    public Task<bool> BeginRebuildAsync(string tenantId, CancellationToken cancellationToken)
    {
        var tries = 0;
        var wasBegun = false;
        return redis.Retries.CallAsync(
            RecordingRebuild,
            async token =>
            {
                // What a second try finds may be the first one's.
                if (tries++ == 0) wasBegun = await IsRebuildingOnceAsync(tenantId, token).ConfigureAwait(false);
                await Database.StringSetAsync(RebuildKey(projection, tenantId), "begun").WaitAsync(token).ConfigureAwait(false);
                return wasBegun;
            },
            cancellationToken);
    }

    /// <summary>Records that a tenant's counters are whole again.</summary>
    public Task EndRebuildAsync(string tenantId, CancellationToken cancellationToken) => redis.Retries.CallAsync(
        RecordingRebuild,
        async token =>
        {
            await RequireLockOnceAsync().WaitAsync(token).ConfigureAwait(false);
            await Database.KeyDeleteAsync(RebuildKey(projection, tenantId)).WaitAsync(token).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>Whether a rebuild of a tenant's counters was begun and not ended.</summary>
    public Task<bool> IsRebuildingAsync(string tenantId, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync("Looking for a rebuild", token => IsRebuildingOnceAsync(tenantId, token), cancellationToken);

    private Task<bool> IsRebuildingOnceAsync(string tenantId, CancellationToken cancellationToken) =>
        Database.KeyExistsAsync(RebuildKey(projection, tenantId)).WaitAsync(cancellationToken);

    /// <summary>The key strings of marked aggregates.</summary>
    public async IAsyncEnumerable<string> MarkedAsync(AggregateFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (key, _) in MarkersAsync(cancellationToken).ConfigureAwait(false))
        {
            if (filter.Matches(key)) yield return key;
        }
    }

    /// <summary>All marked aggregates by their key strings, each with its marker. May name one more than once, as Redis scans do.</summary>
    public async IAsyncEnumerable<(string Key, string Marker)> MarkersAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var entries = Database.HashScanAsync(_cutoffKey, pageSize: ChunkSize);
        await foreach (var entry in entries.Abandonable(cancellationToken).ConfigureAwait(false))
        {
            yield return (entry.Name.ToString(), entry.Value.ToString());
        }
    }

    /// <summary>
    /// How long ago a marker was last set, whoever's it is: what the hash has used up of its lifetime. Null when there is
    /// no marker, or when the lifetime is none that was given here.
    /// </summary>
    public async Task<TimeSpan?> FindAgeAsync(CancellationToken cancellationToken)
    {
        var left = await Database.KeyTimeToLiveAsync(_cutoffKey).WaitAsync(cancellationToken).ConfigureAwait(false);
        return left is { } time && time <= MarkerLifetime ? MarkerLifetime - time : null;
    }

    /// <summary>The key strings of completed aggregates. May name one more than once, as Redis scans do.</summary>
    public async IAsyncEnumerable<string> CompletedAsync(
        AggregateFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var members = Database.SetScanAsync(_completedKey, pageSize: ChunkSize);
        await foreach (var member in members.Abandonable(cancellationToken).ConfigureAwait(false))
        {
            var key = member.ToString();
            if (filter.Matches(key)) yield return key;
        }
    }

    private Task<long> CompleteAtOnceAsync(RedisValue[] chunk) => FencedAsync(
        "local removed = redis.call('HDEL', KEYS[2], unpack(ARGV, 2)) redis.call('SADD', KEYS[3], unpack(ARGV, 2)) return removed",
        [_cutoffKey, _completedKey],
        chunk,
        async commands =>
        {
            var removed = commands.HashDeleteAsync(_cutoffKey, chunk);
            await Task.WhenAll(removed, commands.SetAddAsync(_completedKey, chunk)).ConfigureAwait(false);
            return await removed.ConfigureAwait(false);
        });

    private async Task<long> CompleteOnClusterAsync(RedisValue[] chunk)
    {
        var removed = await RemoveAsync(chunk).ConfigureAwait(false);
        await Database.SetAddAsync(_completedKey, chunk).ConfigureAwait(false);
        return removed;
    }

    private Task<long> RemoveAsync(RedisValue[] chunk) => FencedAsync(
        "return redis.call('HDEL', KEYS[2], unpack(ARGV, 2))",
        [_cutoffKey],
        chunk,
        commands => commands.HashDeleteAsync(_cutoffKey, chunk));

    private Task SetAsync(string operation, IEnumerable<HashEntry> entries, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync(operation, token => SetOnceAsync(entries, token), cancellationToken);

    private Task SetOnceAsync(IEnumerable<HashEntry> entries, CancellationToken cancellationToken) =>
        ForEachChunkAsync(
            entries,
            chunk => FencedAsync(
                $"redis.call('HSET', KEYS[2], unpack(ARGV, 2)) redis.call('EXPIRE', KEYS[2], {MarkerLifetime.TotalSeconds:0}) return 0",
                [_cutoffKey],
                chunk,
                async commands =>
                {
                    var set = commands.HashSetAsync(_cutoffKey, chunk);
                    await Task.WhenAll(set, commands.KeyExpireAsync(_cutoffKey, MarkerLifetime)).ConfigureAwait(false);
                    return 0;
                }),
            cancellationToken);

    /// <summary>
    /// Changes markers if the lock is still held: by a script, which the server runs in one go. A transaction that watches the
    /// lock would do the same, but the client lets nothing else through meanwhile, and for long when the connection breaks.
    /// </summary>
    /// <param name="script">What to do. The lock is KEYS[1], and its value ARGV[1].</param>
    /// <param name="keys">KEYS from the second on.</param>
    /// <param name="items">ARGV from the second on: each value, or each name with its value.</param>
    /// <param name="commands">
    /// The same in commands of a transaction, queued without waiting for any, where nothing is locked or no script can be run.
    /// </param>
    /// <exception cref="LockLostException">The lock is not held, and nothing was done.</exception>
    private async Task<long> FencedAsync<T>(string script, RedisKey[] keys, T[] items, Func<IDatabaseAsync, Task<long>> commands)
    {
        if (Fence is { } fence)
        {
            if (!redis.IsCluster && _runsScripts)
            {
                try
                {
                    var arguments = Arguments(fence.Value, items);
                    var answer = (long)await Database.ScriptEvaluateAsync(
                        $"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end {script}",
                        [fence.Key, .. keys],
                        arguments,
                        CommandFlags.NoScriptCache).ConfigureAwait(false);

                    // Answered, so that nothing is going to send it any more. One of a command that failed may lie in a queue.
                    if (items.Length == ChunkSize) Idle<T>.Arguments.Give(arguments);
                    return answer >= 0 ? answer : throw await LostAsync(fence).ConfigureAwait(false);
                }
                catch (RedisServerException exception) when (IsRefused(exception.Message))
                {
                    _runsScripts = false;
                }
            }

            // A moment before, then, and not at the same.
            await RequireLockOnceAsync().ConfigureAwait(false);
        }

        var transaction = Database.CreateTransaction();
        var done = commands(transaction);
        await transaction.ExecuteAsync().ConfigureAwait(false);
        return await done.ConfigureAwait(false);
    }

    private static RedisValue[] Arguments<T>(RedisValue first, T[] items)
    {
        var length = 1 + (items.Length * (typeof(T) == typeof(HashEntry) ? 2 : 1));
        if (items.Length != ChunkSize || !Idle<T>.Arguments.TryTake(out var arguments)) arguments = new RedisValue[length];
        arguments[0] = first;
        if (items is HashEntry[] entries)
        {
            for (var i = 0; i < entries.Length; i++) (arguments[(2 * i) + 1], arguments[(2 * i) + 2]) = (entries[i].Name, entries[i].Value);
        }
        else ((RedisValue[])(object)items).CopyTo(arguments, 1);

        return arguments;
    }

    /// <summary>Makes sure, as of now, that the lock is still held, where there is one.</summary>
    /// <exception cref="LockLostException">It is not.</exception>
    public Task RequireLockAsync(CancellationToken cancellationToken) => redis.Retries.CallAsync(
        "Looking at the run lock", token => RequireLockOnceAsync().WaitAsync(token), cancellationToken);

    private async Task RequireLockOnceAsync()
    {
        if (Fence is not { } fence) return;
        if (await Database.StringGetAsync(fence.Key).ConfigureAwait(false) != fence.Value)
        {
            throw await LostAsync(fence).ConfigureAwait(false);
        }
    }

    /// <summary>The user may run no scripts, or the server runs none.</summary>
    private static bool IsRefused(string answer) =>
        answer.Contains("eval", StringComparison.OrdinalIgnoreCase)
                && (answer.StartsWith("NOPERM", StringComparison.Ordinal)
                    || answer.Contains("unknown command", StringComparison.OrdinalIgnoreCase))
            || answer.Contains("Lua", StringComparison.Ordinal) && answer.Contains("disabled", StringComparison.OrdinalIgnoreCase);

    private static async Task<LockLostException> LostAsync(ReplayLock held)
    {
        await held.LoseAsync().ConfigureAwait(false);
        return new LockLostException();
    }

    private static Task ForEachChunkAsync<T>(IEnumerable<T> items, Func<T[], Task> send, CancellationToken cancellationToken) =>
        ChunkedCommands.SendAsync(items, ChunkSize, send, cancellationToken);

    /// <summary>Arguments of scripts about whole chunks of items of one type.</summary>
    private static class Idle<T>
    {
        public static WeakPool<RedisValue[]> Arguments { get; } = new();
    }
}

/// <summary>The lock that markers are changed under is not held any more.</summary>
internal sealed class LockLostException() : Exception("The run lock is held by nobody, or by another run.");

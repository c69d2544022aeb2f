using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// The markers of one projection in Redis: what makes live handlers defer or skip events of the aggregates being
/// replayed, and which aggregates an unfinished run has completed. Key names and values are a wire contract.
/// Every operation may be repeated. Safe for concurrent use.
/// </summary>
internal sealed class ReplayMarkers(RedisServer redis, string projection)
{
    public const string CutoffPrefix = "projection-replay:cutoff:";
    public const string CompletedPrefix = "projection-replay:completed:";
    public const string Pending = "pending";

    /// <summary>Fields in one command: large enough that round trips do not count, small enough not to hold up others.</summary>
    private const int ChunkSize = 1_000;

    /// <summary>The last net under markers that nobody came back for.</summary>
    private static readonly TimeSpan MarkerLifetime = TimeSpan.FromDays(7);

    private static readonly RedisValue PendingValue = Pending;

    private readonly RedisKey _cutoffKey = CutoffPrefix + projection;
    private readonly RedisKey _completedKey = CompletedPrefix + projection;

    private IDatabase Database => redis.Database;

    /// <summary>Stands while a tenant's counters are being rebuilt.</summary>
    public static RedisKey RebuildKey(string projection, string tenantId) => $"projection-replay:rebuild:{projection}:{tenantId}";

    /// <summary>Marks aggregates as pending: from here on live handlers defer their events.</summary>
    public Task MarkPendingAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        SetAsync(keys.Select(key => new HashEntry(key, PendingValue)), cancellationToken);

    /// <summary>Replaces pending by the cutoff: live handlers skip events up to it and go on deferring later ones.</summary>
    public Task SetCutoffsAsync(IEnumerable<HashEntry> cutoffs, CancellationToken cancellationToken) =>
        SetAsync(cutoffs, cancellationToken);

    /// <summary>
    /// Unmarks aggregates and records them as completed, in one transaction: a crash leaves both or neither. On a
    /// cluster, where the two keys are in two slots, it unmarks first. A crash in between then leaves aggregates that
    /// live handlers have back and a resume replays once more, which adds nothing: rows are replaced, and counters are
    /// in the ledger. The other way round it would leave markers on aggregates that no resume replays, and events that
    /// came in late would be skipped by the live handlers meanwhile, and lost.
    /// </summary>
    public Task CompleteAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        ForEachChunkAsync(keys, redis.IsCluster ? CompleteOnClusterAsync : CompleteAtOnceAsync, cancellationToken);

    /// <summary>Unmarks aggregates without recording them: live handlers take them back.</summary>
    public Task RemoveAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        ForEachChunkAsync(keys, chunk => Database.HashDeleteAsync(_cutoffKey, chunk), cancellationToken);

    /// <summary>Which of some aggregates an unfinished run has completed, in their order.</summary>
    public async Task<bool[]> FindCompletedAsync(IReadOnlyList<RedisValue> keys, CancellationToken cancellationToken)
    {
        var answers = await ChunkedCommands.SendAsync(
            keys, ChunkSize, chunk => Database.SetContainsAsync(_completedKey, chunk), cancellationToken).ConfigureAwait(false);
        return [.. answers.SelectMany(answer => answer)];
    }

    /// <summary>Forgets that aggregates were completed.</summary>
    public Task ForgetCompletedAsync(IEnumerable<RedisValue> keys, CancellationToken cancellationToken) =>
        ForEachChunkAsync(keys, chunk => Database.SetRemoveAsync(_completedKey, chunk), cancellationToken);

    /// <summary>
    /// Forgets all that is completed, of whichever tenant, if it is so many aggregates; else nothing. Checked and done at
    /// once. Looking through a large set for one's own takes seconds.
    /// </summary>
    public Task<bool> TryForgetAllCompletedAsync(long count, CancellationToken cancellationToken)
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
    public Task BeginRebuildAsync(string tenantId, CancellationToken cancellationToken) =>
        Database.StringSetAsync(RebuildKey(projection, tenantId), "begun").WaitAsync(cancellationToken);

    /// <summary>Records that a tenant's counters are whole again.</summary>
    public Task EndRebuildAsync(string tenantId, CancellationToken cancellationToken) =>
        Database.KeyDeleteAsync(RebuildKey(projection, tenantId)).WaitAsync(cancellationToken);

    /// <summary>Whether a rebuild of a tenant's counters was begun and not ended.</summary>
    public Task<bool> IsRebuildingAsync(string tenantId, CancellationToken cancellationToken) =>
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

    private Task CompleteAtOnceAsync(RedisValue[] chunk)
    {
        var transaction = Database.CreateTransaction();
        var removed = transaction.HashDeleteAsync(_cutoffKey, chunk);
        var added = transaction.SetAddAsync(_completedKey, chunk);
        return AllAsync(transaction.ExecuteAsync(), removed, added);
    }

    private async Task CompleteOnClusterAsync(RedisValue[] chunk)
    {
        await Database.HashDeleteAsync(_cutoffKey, chunk).ConfigureAwait(false);
        await Database.SetAddAsync(_completedKey, chunk).ConfigureAwait(false);
    }

    private Task SetAsync(IEnumerable<HashEntry> entries, CancellationToken cancellationToken) =>
        ForEachChunkAsync(entries, chunk =>
        {
            var batch = Database.CreateBatch();
            var set = batch.HashSetAsync(_cutoffKey, chunk);
            var expire = batch.KeyExpireAsync(_cutoffKey, MarkerLifetime);
            batch.Execute();
            return AllAsync(set, expire);
        }, cancellationToken);

    private static Task ForEachChunkAsync<T>(IEnumerable<T> items, Func<T[], Task> send, CancellationToken cancellationToken) =>
        ChunkedCommands.SendAsync(items, ChunkSize, send, cancellationToken);

    private static Task AllAsync(params Task[] tasks) => Task.WhenAll(tasks);
}

using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Sees to it that one run at a time works on a projection of a tenant. The lock expires soon after its holder stops
/// renewing it, and <see cref="Lost"/> tells the holder that it may not go on.
/// </summary>
internal sealed class ReplayLock : IAsyncDisposable
{
    private const string KeyPrefix = "projection-replay:lock:";

    private readonly IDatabase _database;
    private readonly RedisKey _key;
    private readonly RedisValue _value;
    private readonly TimeSpan _expiry;
    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _released = new();
    private readonly CancellationTokenSource _lost = new();
    private Task _heartbeat = Task.CompletedTask;

    private ReplayLock(IDatabase database, RedisKey key, RedisValue value, TimeSpan expiry, TimeProvider timeProvider)
    {
        _database = database;
        _key = key;
        _value = value;
        _expiry = expiry;
        _timeProvider = timeProvider;
    }

    /// <summary>How long a lock outlives its holder.</summary>
    public static TimeSpan DefaultExpiry { get; } = TimeSpan.FromSeconds(15);

    /// <summary>Cancelled when the lock is no longer held.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Why the lock could not be renewed, when Redis was out of reach; null when it was there but the lock was not.</summary>
    public Exception? RenewalFault { get; private set; }

    /// <summary>Takes the lock.</summary>
    /// <param name="redis">The server.</param>
    /// <param name="projection">The projection's name.</param>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="expiry">How long the lock outlives its holder; it is renewed three times as often.</param>
    /// <param name="timeProvider">The clock that waits and renewals go by.</param>
    /// <param name="waiting">Told, once, whom the lock is waited for.</param>
    /// <param name="cancellationToken">Abandons the wait.</param>
    /// <returns>
    /// The lock; or none, and who holds it if that can be told. A holder on this machine that is gone is replaced at
    /// once; any other is given one expiry to die.
    /// </returns>
    public static async Task<(ReplayLock? Lock, ReplayLockHolder? Holder)> TakeAsync(
        RedisServer redis,
        string projection,
        string tenantId,
        TimeSpan expiry,
        TimeProvider timeProvider,
        Action<ReplayLockHolder?> waiting,
        CancellationToken cancellationToken)
    {
        var holder = ReplayLockHolder.Create(timeProvider.GetUtcNow());
        var taken = new ReplayLock(redis.Database, KeyOf(projection, tenantId), holder.Serialize(), expiry, timeProvider);
        var started = timeProvider.GetTimestamp();
        var hasWarned = false;
        while (true)
        {
            var other = await taken.TryTakeAsync(cancellationToken).ConfigureAwait(false);
            if (other is null)
            {
                taken._heartbeat = taken.BeatAsync();
                return (taken, null);
            }

            var known = ReplayLockHolder.Parse(other.Value.ToString());
            if (known?.IsKnownDead() == true)
            {
                await taken.ReplaceAsync(other.Value, cancellationToken).ConfigureAwait(false);
                continue;
            }

            var left = expiry - timeProvider.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) return (null, known);
            if (!hasWarned) waiting(known);
            hasWarned = true;
            var pause = TimeSpan.FromMilliseconds(250);
            await Task.Delay(left < pause ? left : pause, timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Who holds the lock of a projection and tenant at the moment; null when nobody does.</summary>
    public static async Task<ReplayLockHolder?> FindHolderAsync(RedisServer redis, string projection, string tenantId, CancellationToken cancellationToken)
    {
        var value = await redis.Database.StringGetAsync(KeyOf(projection, tenantId)).WaitAsync(cancellationToken).ConfigureAwait(false);
        return value.IsNull ? null : ReplayLockHolder.Parse(value.ToString()) is { } holder && !holder.IsKnownDead() ? holder : null;
    }

    /// <summary>
    /// Takes the lock back for a moment after it was lost, so that the markers of a run that must stop can be removed.
    /// </summary>
    /// <returns>False when another run has it: the markers are that run's business now.</returns>
    public async Task<bool> TryRegainAsync(CancellationToken cancellationToken) =>
        await _database.LockTakeAsync(_key, _value, _expiry).WaitAsync(cancellationToken).ConfigureAwait(false)
        || await _database.StringGetAsync(_key).WaitAsync(cancellationToken).ConfigureAwait(false) == _value;

    /// <summary>Releases the lock if it is still held. Never throws: what cannot be released expires.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync().ConfigureAwait(false);
        await _heartbeat.ConfigureAwait(false);
        try
        {
            await _database.LockReleaseAsync(_key, _value).WaitAsync(TimeSpan.FromSeconds(1), _timeProvider).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
        {
            // It expires by itself.
        }

        _released.Dispose();
        _lost.Dispose();
    }

    private static RedisKey KeyOf(string projection, string tenantId) => $"{KeyPrefix}{projection}:{tenantId}";

    /// <summary>Takes the lock if it is free. Returns the value of whoever has it, or null when it is ours now.</summary>
    private async Task<RedisValue?> TryTakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await _database.LockTakeAsync(_key, _value, _expiry).WaitAsync(cancellationToken).ConfigureAwait(false)) return null;
            var current = await _database.StringGetAsync(_key).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (current == _value) return null;
            if (!current.IsNull) return current;
        }
    }

    /// <summary>Removes a dead holder's lock, unless somebody else was quicker.</summary>
    private Task<bool> ReplaceAsync(RedisValue dead, CancellationToken cancellationToken) =>
        _database.LockReleaseAsync(_key, dead).WaitAsync(cancellationToken);

    private async Task BeatAsync()
    {
        var renewed = _timeProvider.GetTimestamp();
        while (!_released.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Shorter(_expiry / 3, Left(renewed)), _timeProvider, _released.Token).ConfigureAwait(false);

                // Held up, not out of reach.
                if (Left(renewed) == TimeSpan.Zero) break;

                // Counted from before the request, as nobody knows when the server took it.
                var asked = _timeProvider.GetTimestamp();
                var isHeld = await _database.LockExtendAsync(_key, _value, _expiry).WaitAsync(Left(renewed), _timeProvider, _released.Token).ConfigureAwait(false);
                RenewalFault = null;
                if (!isHeld) break;
                renewed = asked;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
            {
                // Out of reach: the lock stands until it expires.
                RenewalFault = exception;
                if (Left(renewed) == TimeSpan.Zero) break;
            }
        }

        if (!_released.IsCancellationRequested) await _lost.CancelAsync().ConfigureAwait(false);
    }

    private TimeSpan Left(long renewed)
    {
        var left = _expiry - _timeProvider.GetElapsedTime(renewed);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}

using ProjectionReplay.Redis;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Sees to it that one run at a time works on an aggregate of a projection, and nobody clears its markers meanwhile. The
/// lock expires soon after its holder stops renewing it, and <see cref="Lost"/> tells the holder that it may not go on.
/// </summary>
internal sealed class ReplayLock : IAsyncDisposable
{
    private const string Taking = "Taking the run lock";

    private readonly RedisServer _redis;
    private readonly IDatabase _database;
    private readonly ReplayLockScope _scope;
    private readonly RedisKey _key;
    private readonly RedisValue _value;
    private readonly TimeSpan _expiry;
    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _released = new();
    private readonly CancellationTokenSource _lost = new();
    private Task _heartbeat = Task.CompletedTask;

    private ReplayLock(RedisServer redis, ReplayLockScope scope, RedisValue value, TimeSpan expiry, TimeProvider timeProvider)
    {
        _redis = redis;
        _database = redis.Database;
        _scope = scope;
        _key = scope.Key;
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

    /// <summary>What the lock is called in Redis.</summary>
    public RedisKey Key => _key;

    /// <summary>What stands there as long as it is held.</summary>
    public RedisValue Value => _value;

    /// <summary>Says that the lock is gone, for who finds out before it would have been renewed.</summary>
    public Task LoseAsync() => _lost.CancelAsync();

    /// <summary>Takes the lock.</summary>
    /// <param name="redis">The server.</param>
    /// <param name="scope">What is locked.</param>
    /// <param name="expiry">How long the lock outlives its holder; it is renewed three times as often.</param>
    /// <param name="timeProvider">The clock that waits and renewals go by.</param>
    /// <param name="waiting">Told, once, whom the lock is waited for.</param>
    /// <param name="cancellationToken">Abandons the wait.</param>
    /// <returns>
    /// The lock; or none, and who is in the way. A holder on this machine that is gone is replaced at once; any other is
    /// given one expiry to die.
    /// </returns>
    public static Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TakeAsync(
        RedisServer redis,
        ReplayLockScope scope,
        TimeSpan expiry,
        TimeProvider timeProvider,
        Action<ReplayLockOccupant> waiting,
        CancellationToken cancellationToken) =>
        redis.Retries.CallAsync(
            Taking,
            token => TakeAsync(redis, scope, expiry, patience: expiry, timeProvider, waiting, token),
            cancellationToken);

    /// <summary>Takes the lock without waiting for anybody.</summary>
    /// <returns>The lock; or none, and who is in the way. Holders on this machine that are gone are not.</returns>
    public static Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TryTakeAsync(
        RedisServer redis, ReplayLockScope scope, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        redis.Retries.CallAsync(
            Taking,
            token => TakeAsync(redis, scope, DefaultExpiry, patience: TimeSpan.Zero, timeProvider, static _ => { }, token),
            cancellationToken);

    /// <summary>Who would be in the way of taking a lock; null when nobody is. Only reads.</summary>
    public static async Task<ReplayLockOccupant?> FindOccupantAsync(
        RedisServer redis, ReplayLockScope scope, CancellationToken cancellationToken)
    {
        var occupants = await redis.Retries.CallAsync(
            "Looking for a run at work", token => scope.ListOccupantsAsync(redis, token), cancellationToken).ConfigureAwait(false);
        return occupants.FirstOrDefault(occupant => !occupant.IsKnownDead);
    }

    /// <summary>
    /// Takes the lock back for a moment after it was lost, so that the markers of a run that must stop can be removed.
    /// </summary>
    /// <returns>False when another run is in the way: the markers may be that run's business now.</returns>
    public Task<bool> TryRegainAsync(CancellationToken cancellationToken) => _redis.Retries.CallAsync(
        "Regaining the run lock",
        async token => await TryTakeAsync(token).ConfigureAwait(false) is null,
        cancellationToken);

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

    private static async Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TakeAsync(
        RedisServer redis,
        ReplayLockScope scope,
        TimeSpan expiry,
        TimeSpan patience,
        TimeProvider timeProvider,
        Action<ReplayLockOccupant> waiting,
        CancellationToken cancellationToken)
    {
        var holder = ReplayLockHolder.Create(timeProvider.GetUtcNow());
        var taken = new ReplayLock(redis, scope, holder.Serialize(), expiry, timeProvider);
        try
        {
            var occupant = await taken.WaitForOthersAsync(patience, waiting, cancellationToken).ConfigureAwait(false);
            if (occupant is not null) return (null, occupant);
            taken._heartbeat = taken.BeatAsync();
            return (taken, null);
        }
        catch
        {
            // It may be ours all the same: whoever tries again, this process first of all, is not to wait for it.
            await taken.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Takes the lock if nobody is in the way. Returns who is, or null when it is ours now. It is taken first and
    /// looked round second: of two whose scopes overlap, at least one sees the other.
    /// </summary>
    private async Task<ReplayLockOccupant?> TryTakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _scope.AnnounceAsync(_redis).WaitAsync(cancellationToken).ConfigureAwait(false);
            var isOurs = await _database.LockTakeAsync(_key, _value, _expiry).WaitAsync(cancellationToken).ConfigureAwait(false);
            ReplayLockOccupant? other = null;
            foreach (var occupant in await _scope.ListOccupantsAsync(_redis, cancellationToken).ConfigureAwait(false))
            {
                if (occupant.Value == _value) isOurs = true;
                else other ??= occupant;
            }

            if (other is not null)
            {
                if (isOurs) await _database.LockReleaseAsync(_key, _value).WaitAsync(cancellationToken).ConfigureAwait(false);
                return other;
            }

            if (isOurs) return null;
        }
    }

    /// <summary>
    /// Tries to take the lock for as long as somebody else is in the way. Returns who still is in the end, or null when it is
    /// ours.
    /// </summary>
    private async Task<ReplayLockOccupant?> WaitForOthersAsync(
        TimeSpan patience, Action<ReplayLockOccupant> waiting, CancellationToken cancellationToken)
    {
        var started = _timeProvider.GetTimestamp();
        var hasWarned = false;
        while (await TryTakeAsync(cancellationToken).ConfigureAwait(false) is { } other)
        {
            if (other.IsKnownDead)
            {
                // Unless somebody else was quicker.
                await _database.LockReleaseAsync(other.Scope.Key, other.Value).WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            var left = patience - _timeProvider.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) return other;
            if (!hasWarned) waiting(other);
            hasWarned = true;

            // Some time or other: two that came at the same moment, and saw each other, are not to come together again.
            var pause = TimeSpan.FromMilliseconds(Random.Shared.Next(100, 400));
            await Task.Delay(left < pause ? left : pause, _timeProvider, cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

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
                await _scope.AnnounceAsync(_redis).WaitAsync(Left(renewed), _timeProvider, _released.Token).ConfigureAwait(false);
                var isHeld = await _database
                    .LockExtendAsync(_key, _value, _expiry)
                    .WaitAsync(Left(renewed), _timeProvider, _released.Token).ConfigureAwait(false);
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

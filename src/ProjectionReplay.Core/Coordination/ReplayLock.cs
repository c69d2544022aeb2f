using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// Sees to it that one run at a time works on a projection of a tenant, and nobody clears its markers meanwhile. The
/// lock expires soon after its holder stops renewing it, and <see cref="Lost"/> tells the holder that it may not go on.
/// </summary>
internal sealed class ReplayLock : IAsyncDisposable
{
    private const string KeyPrefix = "projection-replay:lock:";

    private readonly RedisServer _redis;
    private readonly IDatabase _database;
    private readonly string _projection;
    private readonly string? _tenantId;
    private readonly RedisKey _key;
    private readonly RedisValue _value;
    private readonly TimeSpan _expiry;
    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _released = new();
    private readonly CancellationTokenSource _lost = new();
    private Task _heartbeat = Task.CompletedTask;

    private ReplayLock(RedisServer redis, string projection, string? tenantId, RedisValue value, TimeSpan expiry, TimeProvider timeProvider)
    {
        _redis = redis;
        _database = redis.Database;
        _projection = projection;
        _tenantId = tenantId;
        _key = KeyOf(projection, tenantId);
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
        var (taken, occupant) = await TakeAsync(
            redis, projection, tenantId, expiry, patience: expiry, timeProvider, waiting, cancellationToken).ConfigureAwait(false);
        return (taken, occupant?.Holder);
    }

    /// <summary>Takes the lock of one tenant, or of all of them when none is given, without waiting for anybody.</summary>
    /// <returns>The lock; or none, and who is in the way. Holders on this machine that are gone are not.</returns>
    public static Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TryTakeAsync(
        RedisServer redis, string projection, string? tenantId, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        TakeAsync(redis, projection, tenantId, DefaultExpiry, patience: TimeSpan.Zero, timeProvider, static _ => { }, cancellationToken);

    /// <summary>
    /// Who would be in the way of taking the lock of one tenant, or of all of them when none is given; null when nobody
    /// is. Only reads.
    /// </summary>
    public static async Task<ReplayLockOccupant?> FindOccupantAsync(
        RedisServer redis, string projection, string? tenantId, CancellationToken cancellationToken)
    {
        await foreach (var occupant in ListOccupantsAsync(redis, projection, tenantId, cancellationToken).ConfigureAwait(false))
        {
            if (!occupant.IsKnownDead) return occupant;
        }

        return null;
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

    /// <summary>The lock of all tenants has no tenant in its name; a projection's name holds no colon.</summary>
    private static RedisKey KeyOf(string projection, string? tenantId) => tenantId is null ? KeyPrefix + projection : $"{KeyPrefix}{projection}:{tenantId}";

    private static async Task<(ReplayLock? Lock, ReplayLockOccupant? Occupant)> TakeAsync(
        RedisServer redis,
        string projection,
        string? tenantId,
        TimeSpan expiry,
        TimeSpan patience,
        TimeProvider timeProvider,
        Action<ReplayLockHolder?> waiting,
        CancellationToken cancellationToken)
    {
        var holder = ReplayLockHolder.Create(timeProvider.GetUtcNow());
        var taken = new ReplayLock(redis, projection, tenantId, holder.Serialize(), expiry, timeProvider);
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
    /// The locks that cover something of what one covers, itself included. A tenant may be called anything: no name
    /// goes into a pattern.
    /// </summary>
    private static async IAsyncEnumerable<ReplayLockOccupant> ListOccupantsAsync(
        RedisServer redis, string projection, string? tenantId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<string?> tenants = [tenantId];
        if (tenantId is not null)
        {
            tenants.Add(null);
        }
        else
        {
            var prefix = KeyOf(projection, "").ToString();
            await foreach (var key in redis.ScanAsync(KeyPrefix + "*", cancellationToken).ConfigureAwait(false))
            {
                if (key.StartsWith(prefix, StringComparison.Ordinal)) tenants.Add(key[prefix.Length..]);
            }
        }

        foreach (var tenant in tenants)
        {
            var key = KeyOf(projection, tenant);
            var value = await redis.Database.StringGetAsync(key).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!value.IsNull) yield return new ReplayLockOccupant(key, value, tenant);
        }
    }

    /// <summary>
    /// Takes the lock if nobody is in the way. Returns who is, or null when it is ours now. It is taken first and
    /// looked round second: of one who wants a tenant and one who wants them all, at least one sees the other.
    /// </summary>
    private async Task<ReplayLockOccupant?> TryTakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var isOurs = await _database.LockTakeAsync(_key, _value, _expiry).WaitAsync(cancellationToken).ConfigureAwait(false);
            ReplayLockOccupant? other = null;
            await foreach (var occupant in ListOccupantsAsync(_redis, _projection, _tenantId, cancellationToken).ConfigureAwait(false))
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

    /// <summary>Tries to take the lock for as long as somebody else is in the way. Returns who still is in the end, or null when it is ours.</summary>
    private async Task<ReplayLockOccupant?> WaitForOthersAsync(TimeSpan patience, Action<ReplayLockHolder?> waiting, CancellationToken cancellationToken)
    {
        var started = _timeProvider.GetTimestamp();
        var hasWarned = false;
        while (await TryTakeAsync(cancellationToken).ConfigureAwait(false) is { } other)
        {
            if (other.IsKnownDead)
            {
                // Unless somebody else was quicker.
                await _database.LockReleaseAsync(other.Key, other.Value).WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            var left = patience - _timeProvider.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) return other;
            if (!hasWarned) waiting(other.Holder);
            hasWarned = true;
            var pause = TimeSpan.FromMilliseconds(250);
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

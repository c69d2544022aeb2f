using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>Who holds a run lock: the lock's value, so that whoever is refused can be told.</summary>
/// <param name="Run">The run's id.</param>
/// <param name="Host">The machine.</param>
/// <param name="ProcessId">The process there.</param>
/// <param name="ProcessStarted">When that process was started, UTC: process ids come round again.</param>
/// <param name="Since">When the run took the lock, UTC.</param>
internal sealed record ReplayLockHolder(string Run, string Host, int ProcessId, DateTime ProcessStarted, DateTime Since)
{
    /// <summary>Start times read by different processes differ by a clock tick.</summary>
    private static readonly TimeSpan StartTolerance = TimeSpan.FromSeconds(2);

    /// <summary>This process, starting a run now.</summary>
    public static ReplayLockHolder Create(DateTimeOffset now)
    {
        using var self = Process.GetCurrentProcess();
        return new ReplayLockHolder(
            Guid.NewGuid().ToString("N"), Environment.MachineName, self.Id, self.StartTime.ToUniversalTime(), now.UtcDateTime);
    }

    /// <summary>Reads a lock's value; null when it is none of ours.</summary>
    public static ReplayLockHolder? Parse(string value)
    {
        try
        {
            return JsonSerializer.Deserialize(value, ReplayLockJson.Default.ReplayLockHolder);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The lock's value.</summary>
    public string Serialize() => JsonSerializer.Serialize(this, ReplayLockJson.Default.ReplayLockHolder);

    /// <summary>Whether the holder was a process of this machine that is gone. Says no when in doubt.</summary>
    public bool IsKnownDead()
    {
        if (!string.Equals(Host, Environment.MachineName, StringComparison.OrdinalIgnoreCase)) return false;
        try
        {
            using var process = Process.GetProcessById(ProcessId);
            return (process.StartTime.ToUniversalTime() - ProcessStarted).Duration() > StartTolerance;
        }
        catch (ArgumentException)
        {
            return true;
        }
        catch (Exception exception)
            when (exception is InvalidOperationException or System.ComponentModel.Win32Exception or NotSupportedException)
        {
            // It ended while it was looked at, or may not be looked at: the next look, or the lock's expiry, will tell.
            return false;
        }
    }

    /// <summary>Host, process and time, for messages.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"process {ProcessId} on host '{Host}', since {Since:yyyy-MM-dd HH:mm:ss} UTC");
}

/// <summary>A lock that somebody has, or had until it died.</summary>
/// <param name="Scope">What it is for.</param>
/// <param name="Value">Its value.</param>
internal sealed record ReplayLockOccupant(ReplayLockScope Scope, RedisValue Value)
{
    /// <summary>Who holds it; null when that cannot be told.</summary>
    public ReplayLockHolder? Holder { get; } = ReplayLockHolder.Parse(Value.ToString());

    /// <summary>Whether the holder was a process of this machine that is gone. Says no when in doubt.</summary>
    public bool IsKnownDead => Holder?.IsKnownDead() == true;
}

/// <summary>Source-generated, as reflection over a holder would be all that the Core needs it for.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(ReplayLockHolder))]
[System.Text.Json.Serialization.JsonSourceGenerationOptions(
    PropertyNamingPolicy = System.Text.Json.Serialization.JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ReplayLockJson : System.Text.Json.Serialization.JsonSerializerContext;

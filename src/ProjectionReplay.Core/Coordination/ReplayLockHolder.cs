using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
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

    /// <summary>
    /// Where process ids mean the same: a boot of a machine, and on Linux a PID namespace of it. Containers may share a host's
    /// name, and see other processes by the same ids. Null in locks of versions that did not tell, and where it is not known.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Processes { get; init; }

    /// <summary>
    /// When the process was started, in ticks of its boot: unlike a time it stays the same when the clock is set. Linux only.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ProcessStartTicks { get; init; }

    /// <summary>This process, starting a run now.</summary>
    public static ReplayLockHolder Create(DateTimeOffset now)
    {
        using var self = Process.GetCurrentProcess();
        return new ReplayLockHolder(
            Guid.NewGuid().ToString("N"), Environment.MachineName, self.Id, self.StartTime.ToUniversalTime(), now.UtcDateTime)
        {
            Processes = ProcessSpace.Current,
            ProcessStartTicks = ProcessSpace.StartTicks(self.Id),
        };
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
        if (Processes is null || Processes != ProcessSpace.Current) return false;
        try
        {
            using var process = Process.GetProcessById(ProcessId);
            if (ProcessStartTicks is { } started && ProcessSpace.StartTicks(ProcessId) is { } found) return found != started;
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
[JsonSerializable(typeof(ReplayLockHolder))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ReplayLockJson : JsonSerializerContext;

using System.Globalization;

namespace ProjectionReplay.Coordination;

/// <summary>Where the process ids of this process mean what they mean here.</summary>
internal static class ProcessSpace
{
    private const int StartTimeField = 19;

    /// <summary>
    /// Names the boot and, on Linux, the PID namespace: see boot_id in proc_sys_kernel(5), and namespaces(7). On systems
    /// without such namespaces the machine's name alone. Null where Linux does not tell.
    /// </summary>
    public static string? Current { get; } = Find();

    /// <summary>When a process was started, in clock ticks since the boot: starttime in proc_pid_stat(5). Null but on Linux.</summary>
    public static long? StartTicks(int processId)
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            // The name of the program comes before, in parentheses, and may hold anything.
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return long.Parse(fields[StartTimeField], CultureInfo.InvariantCulture);
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    private static string? Find()
    {
        if (!OperatingSystem.IsLinux()) return Environment.MachineName;
        try
        {
            var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
            return File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false) is { } space ? $"{boot} {space.Name}" : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

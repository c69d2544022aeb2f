using System.Runtime.CompilerServices;

namespace ProjectionReplay;

/// <summary>What a developer has set for the module in daily work is nothing that tests may see.</summary>
internal static class OwnEnvironment
{
    // A library that does something when it is loaded is a surprise elsewhere; this one is loaded by tests alone.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Clear() => Environment.SetEnvironmentVariable("PROJECTION_REPLAY_PATH", null);
}

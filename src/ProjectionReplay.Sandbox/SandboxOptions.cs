namespace ProjectionReplay.Sandbox;

/// <summary>The engines that a sandbox can start.</summary>
[Flags]
public enum SandboxEngines
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>ClickHouse, embedded, behind its HTTP interface.</summary>
    ClickHouse = 1,

    /// <summary>Redis, by Garnet in this process.</summary>
    Redis = 2,

    /// <summary>PostgreSQL, as a child process.</summary>
    Postgres = 4,

    /// <summary>All three.</summary>
    All = ClickHouse | Redis | Postgres,
}

/// <summary>How to start a sandbox.</summary>
public sealed record SandboxOptions
{
    /// <summary>Which engines to start.</summary>
    public SandboxEngines Engines { get; init; } = SandboxEngines.All;

    /// <summary>Port of ClickHouse's HTTP interface; 0 takes a free one.</summary>
    public int ClickHousePort { get; init; }

    /// <summary>Port of Redis; 0 takes a free one.</summary>
    public int RedisPort { get; init; }

    /// <summary>Port of PostgreSQL; 0 takes a free one.</summary>
    public int PostgresPort { get; init; }

    /// <summary>Where ClickHouse and PostgreSQL keep their data; null for a temporary folder that goes with the sandbox.</summary>
    public string? DataDirectory { get; init; }
}

internal static class SandboxEnginesText
{
    private static readonly (string Name, SandboxEngines Engine)[] s_names =
        [("clickhouse", SandboxEngines.ClickHouse), ("redis", SandboxEngines.Redis), ("postgres", SandboxEngines.Postgres)];

    /// <summary>The list as <c>--engines</c> takes it.</summary>
    public static string ToCommandLine(this SandboxEngines engines) =>
        string.Join(',', s_names.Where(known => engines.HasFlag(known.Engine)).Select(known => known.Name));

    /// <summary>Reads such a list.</summary>
    /// <exception cref="FormatException">It names an engine that there is not.</exception>
    public static SandboxEngines FromCommandLine(string list)
    {
        var engines = SandboxEngines.None;
        foreach (var name in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var known = Array.Find(s_names, known => string.Equals(known.Name, name, StringComparison.Ordinal));
            engines |= known.Engine != SandboxEngines.None
                ? known.Engine
                : throw new FormatException($"--engines: there is no engine '{name}'.");
        }
        return engines;
    }
}

using System.Text.Json.Serialization;

namespace ProjectionReplay.Bench;

/// <summary>How to measure; 0 stands for what Invoke-ProjectionReplay does by default.</summary>
internal sealed record MeasureOptions(int Rounds, int Concurrency = 0, int AggregateBatchSize = 0)
{
    /// <summary>Plans only, and reads nothing raw.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>With more than one, they are <c>tenant0</c>, <c>tenant1</c> and so on, replayed one after the other.</summary>
    public int Tenants { get; init; } = 1;
}

/// <summary>The engines to measure against.</summary>
internal sealed record MeasureTarget(string ClickHouseUrl, string RedisUrl, string DatabaseUrl, int EnginesProcessId);

/// <summary>What a measuring process found. Times are seconds, one for each round.</summary>
internal sealed record Measurement
{
    public required long Events { get; init; }

    public required int Aggregates { get; init; }

    /// <summary>The same columns in the same order, to nowhere.</summary>
    public required IReadOnlyList<double> Raw { get; init; }

    public required IReadOnlyList<double> Replay { get; init; }

    /// <summary>Processor time of the replaying process.</summary>
    public required IReadOnlyList<double> Cpu { get; init; }

    /// <summary>Processor time of the engines meanwhile.</summary>
    public required IReadOnlyList<double> EnginesCpu { get; init; }

    /// <summary>Time spent in each phase, all batches and rounds together; they overlap.</summary>
    public required IReadOnlyDictionary<string, double> Phases { get; init; }

    /// <summary>Bytes allocated for each event.</summary>
    public required double Allocated { get; init; }

    /// <summary>The most memory that the process ever had in use.</summary>
    public required long PeakMegabytes { get; init; }

    /// <summary>The memory in use before the first replay.</summary>
    public required long IdleMegabytes { get; init; }

    [JsonIgnore]
    public double RawRate => Events / Median(Raw);

    [JsonIgnore]
    public double ReplayRate => Events / Median(Replay);

    public static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}

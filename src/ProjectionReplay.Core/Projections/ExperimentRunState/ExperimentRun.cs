namespace ProjectionReplay.Projections.ExperimentRunState;

/// <summary>How far an experiment run is, what it cost, and how its targets were judged. Times are ms since 1970 UTC.</summary>
internal sealed class ExperimentRun
{
    public string RunId { get; set; } = "";

    public string ExperimentId { get; set; } = "";

    public string? WorkflowVersionId { get; set; }

    /// <summary>The results expected, as the run announced them: an integer if all is well.</summary>
    public double Total { get; set; }

    public uint CompletedCount { get; set; }

    public uint FailedCount { get; set; }

    public uint Progress => CompletedCount + FailedCount;

    public double? TotalCost { get; set; }

    public double? TotalDurationMs { get; set; }

    /// <summary>The targets as compact JSON.</summary>
    public string Targets { get; set; } = "[]";

    public long? StartedAt { get; set; }

    public double? FinishedAt { get; set; }

    public double? StoppedAt { get; set; }

    public double TotalScoreSum { get; set; }

    public uint ScoreCount { get; set; }

    public uint PassedCount { get; set; }

    public uint PassFailCount { get; set; }

    public double? AvgScore => ScoreCount > 0 ? TotalScoreSum / ScoreCount : null;

    public double? PassRate => PassFailCount > 0 ? (double)PassedCount / PassFailCount : null;
}

using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.ExperimentRunState;

/// <summary>How a run's state becomes a row. <c>CreatedAt</c>, once, and <c>UpdatedAt</c> are the server's to fill.</summary>
internal static class ExperimentRunTable
{
    /// <summary>The projection's version, which each row carries.</summary>
    public const string Version = "2025-02-01";

    public static readonly LatestRowTable<ExperimentRun> Rows = new LatestRowTable<ExperimentRun>("experiment_runs")
        .String("Id", row => RowId(row))
        .String("TenantId", row => row.Aggregate.TenantId)
        .String("RunId", row => row.State.RunId)
        .String("ExperimentId", row => row.State.ExperimentId)
        .NullableString("WorkflowVersionId", row => row.State.WorkflowVersionId)
        .String("Version", _ => Version)
        .UInt32("Total", row => StorableValue.UInt32(row.Aggregate, "Total", row.State.Total))
        .UInt32("Progress", row => row.State.Progress)
        .UInt32("CompletedCount", row => row.State.CompletedCount)
        .UInt32("FailedCount", row => row.State.FailedCount)
        .NullableFloat64("TotalCost", row => row.State.TotalCost)
        .NullableUInt64("TotalDurationMs", row => WholeMilliseconds(row))
        .NullableFloat64("AvgScore", row => row.State.AvgScore)
        .NullableFloat64("PassRate", row => row.State.PassRate)
        .String("Targets", row => row.State.Targets)
        .NullableDateTime64("StartedAt", row => row.State.StartedAt)
        .NullableDateTime64("FinishedAt", row => (long?)row.State.FinishedAt)
        .NullableDateTime64("StoppedAt", row => (long?)row.State.StoppedAt)
        .String("LastProcessedEventId", row => RowId(row))
        .Float64("TotalScoreSum", row => row.State.TotalScoreSum)
        .UInt32("ScoreCount", row => row.State.ScoreCount)
        .UInt32("PassedCount", row => row.State.PassedCount)
        .UInt32("PassFailCount", row => row.State.PassFailCount)
        .SetByFirstEvents("StartedAt")
        .Keeping("CreatedAt")
        .Warn(
            state => StorableValue.IsFractional(state.TotalDurationMs) || StorableValue.IsFractional(state.Total),
            "Some experiment runs come to a fraction in TotalDurationMs or Total, which are integer columns of experiment_runs. "
                + "Halves were rounded up.");

    private static string RowId(in ProjectedState<ExperimentRun> row) =>
        $"experiment_run_state:{row.Aggregate.TenantId}:{row.State.RunId}";

    private static ulong? WholeMilliseconds(in ProjectedState<ExperimentRun> row) =>
        row.State.TotalDurationMs is { } duration ? StorableValue.UInt64(row.Aggregate, "TotalDurationMs", duration) : null;
}

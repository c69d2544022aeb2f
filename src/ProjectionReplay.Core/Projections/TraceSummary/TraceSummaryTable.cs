using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>How a trace's state becomes a row.</summary>
internal static class TraceSummaryTable
{
    /// <summary>The projection's version, which each row carries.</summary>
    public const string Version = "2025-12-16";

    public static readonly LatestRowTable<Trace> Rows = new LatestRowTable<Trace>("trace_summaries")
        .String("Id", row => Ksuid.Create("tracesummary", (long)row.State.OccurredAt, row.Aggregate.TenantId, row.State.TraceId))
        .String("TenantId", row => row.Aggregate.TenantId)
        .String("TraceId", row => row.Aggregate.AggregateId)
        .String("Version", _ => Version)
        .StringMap("Attributes", row => row.State.Attributes)
        .DateTime64("OccurredAt", row => (long)row.State.OccurredAt)
        .DateTime64("CreatedAt", row => row.State.CreatedAt)
        .DateTime64("LastUpdatedAt", row => row.State.LastUpdatedAt)
        .String("ComputedIOSchemaVersion", row => row.State.ComputedIOSchemaVersion)
        .NullableString("ComputedInput", row => row.State.ComputedInput)
        .NullableString("ComputedOutput", row => row.State.ComputedOutput)
        .NullableUInt32("TimeToFirstTokenMs", row => Whole(row, "TimeToFirstTokenMs", row.State.TimeToFirstTokenMs))
        .NullableUInt32("TimeToLastTokenMs", row => Whole(row, "TimeToLastTokenMs", row.State.TimeToLastTokenMs))
        .Int64("TotalDurationMs", row => StorableValue.Int64(row.Aggregate, "TotalDurationMs", row.State.TotalDurationMs))
        .NullableUInt32("TokensPerSecond", row => Whole(row, "TokensPerSecond", row.State.TokensPerSecond))
        .UInt32("SpanCount", row => row.State.SpanCount)
        .Bool("ContainsErrorStatus", row => row.State.ContainsErrorStatus)
        .Bool("ContainsOKStatus", row => row.State.ContainsOKStatus)
        .NullableString("ErrorMessage", row => row.State.ErrorMessage)
        .StringArray("Models", row => row.State.Models)
        .NullableFloat64("TotalCost", row => row.State.TotalCost)
        .Bool("TokensEstimated", row => row.State.TokensEstimated)
        .NullableUInt32("TotalPromptTokenCount", row => Whole(row, "TotalPromptTokenCount", row.State.TotalPromptTokenCount))
        .NullableUInt32("TotalCompletionTokenCount", row => Whole(row, "TotalCompletionTokenCount", row.State.TotalCompletionTokenCount))
        .NullableString("TopicId", row => row.State.TopicId)
        .NullableString("SubTopicId", row => row.State.SubTopicId)
        .NullableBool("HasAnnotation", row => row.State.HasAnnotation)
        .Bool("OutputFromRootSpan", row => row.State.OutputFromRootSpan)
        .Int64("OutputSpanEndTimeMs", row => EndTime(row))
        .PartitionedByWeekOf(row => row.State.CreatedAt)
        .SetByFirstEvents("CreatedAt")
        .Warn(
            state => StorableValue.IsFractional(state.TotalPromptTokenCount) || StorableValue.IsFractional(state.TotalCompletionTokenCount),
            "Some traces come to a fraction in TotalPromptTokenCount or TotalCompletionTokenCount, "
                + "which are integer columns of trace_summaries. Halves were rounded up.");

    /// <summary>A number that is not finite is stored as null, as JSON has no word for it.</summary>
    private static uint? Whole(in ProjectedState<Trace> row, string column, double? value) =>
        value is { } number && double.IsFinite(number) ? StorableValue.UInt32(row.Aggregate, column, number) : null;

    /// <summary>The column knows no null: the time of a span that ended at no time is 0.</summary>
    private static long EndTime(in ProjectedState<Trace> row) => double.IsFinite(row.State.OutputSpanEndTimeMs)
        ? StorableValue.Int64(row.Aggregate, "OutputSpanEndTimeMs", row.State.OutputSpanEndTimeMs)
        : 0;
}

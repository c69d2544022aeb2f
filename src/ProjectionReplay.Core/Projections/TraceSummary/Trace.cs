using ProjectionReplay.Projections.TraceSummary.Metrics;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>
/// What all spans of a trace come to. Times are ms since 1970 UTC, costs USD. Numbers are doubles, as in the live system,
/// and may be whatever its arithmetic makes of odd spans.
/// </summary>
internal sealed class Trace
{
    /// <summary>The version of how input and output are found.</summary>
    public const string IOSchemaVersion = "2025-12-18";

    public string TraceId { get; set; } = "";

    public uint SpanCount { get; set; }

    public double TotalDurationMs { get; set; }

    public string ComputedIOSchemaVersion { get; } = IOSchemaVersion;

    public string? ComputedInput { get; set; }

    public string? ComputedOutput { get; set; }

    public double? TimeToFirstTokenMs { get; set; }

    public double? TimeToLastTokenMs { get; set; }

    public double? TokensPerSecond { get; set; }

    public bool ContainsErrorStatus { get; set; }

    public bool ContainsOKStatus { get; set; }

    public string? ErrorMessage { get; set; }

    public ModelSet Models { get; } = new();

    public double? TotalCost { get; set; }

    public bool TokensEstimated { get; set; }

    public double? TotalPromptTokenCount { get; set; }

    public double? TotalCompletionTokenCount { get; set; }

    /// <summary>Whether the output is that of a span without a parent.</summary>
    public bool OutputFromRootSpan { get; set; }

    /// <summary>When the span ended whose output it is.</summary>
    public double OutputSpanEndTimeMs { get; set; }

    public string? TopicId { get; set; }

    public string? SubTopicId { get; set; }

    /// <summary>Always null: others annotate.</summary>
    public bool? HasAnnotation { get; init; }

    public TraceAttributes Attributes { get; } = new();

    /// <summary>When the first span started; 0 when none has a time.</summary>
    public double OccurredAt { get; set; }

    public long CreatedAt { get; set; }

    public long LastUpdatedAt { get; set; }
}

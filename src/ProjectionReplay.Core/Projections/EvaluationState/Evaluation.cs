using System.Runtime.CompilerServices;

namespace ProjectionReplay.Projections.EvaluationState;

/// <summary>What became of one evaluation: who judged what, and the verdict. Times are ms since 1970 UTC.</summary>
internal sealed class Evaluation
{
    private EvaluationRowId _rowId;

    public string EvaluationId { get; set; } = "";

    public string EvaluatorId { get; set; } = "";

    public string EvaluatorType { get; set; } = "";

    public string? EvaluatorName { get; set; }

    public string? TraceId { get; set; }

    public bool IsGuardrail { get; set; }

    public string Status { get; set; } = "scheduled";

    public double? Score { get; set; }

    public bool? Passed { get; set; }

    public string? Label { get; set; }

    public string? Details { get; set; }

    public string? Error { get; set; }

    public long? ScheduledAt { get; set; }

    public long? StartedAt { get; set; }

    public long? CompletedAt { get; set; }

    /// <summary>The row's id as UTF-8, or zeros until it was made: a part of the state, and not one more object.</summary>
    public Span<byte> RowId => _rowId;
}

/// <summary>Room for the KSUID of an evaluation.</summary>
[InlineArray(39)]
internal struct EvaluationRowId
{
    private byte _first;
}

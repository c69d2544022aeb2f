using System.Runtime.CompilerServices;

namespace ProjectionReplay.Projections.EvaluationState;

/// <summary>What became of one evaluation: who judged what, and the verdict. Times are ms since 1970 UTC.</summary>
internal sealed class Evaluation
{
    // Folded and stored as they are; the properties of their names are for whoever looks at a state.
    public StateText EvaluationIdText;
    public StateText EvaluatorIdText;
    public StateText EvaluatorTypeText;
    public StateText EvaluatorNameText;
    public StateText TraceIdText;
    public StateText StatusText;
    public StateText LabelText;
    public StateText DetailsText;
    public StateText ErrorText;

    private EvaluationRowId _rowId;

    public Evaluation() => Clear();

    public string EvaluationId
    {
        get => EvaluationIdText.ToString()!;
        set => EvaluationIdText.Set(value);
    }

    public string EvaluatorId
    {
        get => EvaluatorIdText.ToString()!;
        set => EvaluatorIdText.Set(value);
    }

    public string EvaluatorType
    {
        get => EvaluatorTypeText.ToString()!;
        set => EvaluatorTypeText.Set(value);
    }

    public string? EvaluatorName
    {
        get => EvaluatorNameText.ToString();
        set => EvaluatorNameText.Set(value);
    }

    public string? TraceId
    {
        get => TraceIdText.ToString();
        set => TraceIdText.Set(value);
    }

    public bool IsGuardrail { get; set; }

    public string Status
    {
        get => StatusText.ToString()!;
        set => StatusText.Set(value);
    }

    public double? Score { get; set; }

    public bool? Passed { get; set; }

    public string? Label
    {
        get => LabelText.ToString();
        set => LabelText.Set(value);
    }

    public string? Details
    {
        get => DetailsText.ToString();
        set => DetailsText.Set(value);
    }

    public string? Error
    {
        get => ErrorText.ToString();
        set => ErrorText.Set(value);
    }

    public long? ScheduledAt { get; set; }

    public long? StartedAt { get; set; }

    public long? CompletedAt { get; set; }

    /// <summary>The row's id as UTF-8, or zeros until it was made: a part of the state, and not one more object.</summary>
    public Span<byte> RowId => _rowId;

    /// <summary>Makes it an evaluation of which nothing is known.</summary>
    public void Clear()
    {
        EvaluationIdText.Set(""u8);
        EvaluatorIdText.Set(""u8);
        EvaluatorTypeText.Set(""u8);
        EvaluatorNameText.Clear();
        TraceIdText.Clear();
        IsGuardrail = false;
        StatusText.Set("scheduled"u8);
        (Score, Passed) = (null, null);
        LabelText.Clear();
        DetailsText.Clear();
        ErrorText.Clear();
        (ScheduledAt, StartedAt, CompletedAt) = (null, null, null);
        RowId.Clear();
    }
}

/// <summary>Room for the KSUID of an evaluation.</summary>
[InlineArray(39)]
internal struct EvaluationRowId
{
    private byte _first;
}

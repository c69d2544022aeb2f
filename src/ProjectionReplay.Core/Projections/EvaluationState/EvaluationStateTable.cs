using System.Text;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.EvaluationState;

/// <summary>How an evaluation's state becomes a row. <c>CreatedAt</c> and <c>UpdatedAt</c> are the server's to fill.</summary>
internal static class EvaluationStateTable
{
    /// <summary>The projection's version, which each row carries.</summary>
    public const string Version = "2025-01-14";

    public static readonly LatestRowTable<Evaluation> Rows = new LatestRowTable<Evaluation>("evaluation_states")
        .Utf8String("Id", RowId)
        .String("TenantId", row => row.Aggregate.TenantId)
        .Text("EvaluationId", row => row.State.EvaluationIdText)
        .String("Version", _ => Version)
        .Text("EvaluatorId", row => row.State.EvaluatorIdText)
        .Text("EvaluatorType", row => row.State.EvaluatorTypeText)
        .NullableText("EvaluatorName", row => row.State.EvaluatorNameText)
        .NullableText("TraceId", row => row.State.TraceIdText)
        .Flag("IsGuardrail", row => row.State.IsGuardrail)
        .Text("Status", row => row.State.StatusText)
        .NullableFloat64("Score", row => row.State.Score)
        .NullableFlag("Passed", row => row.State.Passed)
        .NullableText("Label", row => row.State.LabelText)
        .NullableText("Details", row => row.State.DetailsText)
        .NullableText("Error", row => row.State.ErrorText)
        .NullableDateTime64("ScheduledAt", row => row.State.ScheduledAt)
        .NullableDateTime64("StartedAt", row => row.State.StartedAt)
        .NullableDateTime64("CompletedAt", row => row.State.CompletedAt)
        .Utf8String("LastProcessedEventId", RowId)
        .SetByFirstEvents("ScheduledAt", "StartedAt", "CompletedAt");

    /// <summary>Two columns hold it, and it costs a hash: it is made once, from the final state.</summary>
    private static ReadOnlySpan<byte> RowId(in ProjectedState<Evaluation> row)
    {
        var (tenantId, state) = (row.Aggregate.TenantId, row.State);
        if (state.ScheduledAt is not { } scheduledAt) return Encoding.UTF8.GetBytes($"evaluation_state:{tenantId}:{state.EvaluationId}");
        if (state.RowId[0] == 0)
        {
            "evalstate_"u8.CopyTo(state.RowId);
            Ksuid.Write(state.RowId["evalstate_".Length..], scheduledAt, tenantId, state.EvaluationIdText.Utf8);
        }

        return state.RowId;
    }
}

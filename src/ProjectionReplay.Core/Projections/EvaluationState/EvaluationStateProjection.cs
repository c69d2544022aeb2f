using ProjectionReplay.Events;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.EvaluationState;

/// <summary>Folds the life of an evaluation: scheduled, started, completed, in whatever order these arrive.</summary>
internal sealed class EvaluationStateProjection : FoldProjection<Evaluation>
{
    private const string Scheduled = "lw.evaluation.scheduled";
    private const string Started = "lw.evaluation.started";
    private const string Completed = "lw.evaluation.completed";

    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField EvaluationId = Fields.Add("evaluationId");
    private static readonly PayloadField EvaluatorId = Fields.Add("evaluatorId");
    private static readonly PayloadField EvaluatorType = Fields.Add("evaluatorType");
    private static readonly PayloadField EvaluatorName = Fields.Add("evaluatorName");
    private static readonly PayloadField TraceId = Fields.Add("traceId");
    private static readonly PayloadField IsGuardrail = Fields.Add("isGuardrail");
    private static readonly PayloadField Status = Fields.Add("status");
    private static readonly PayloadField Score = Fields.Add("score");
    private static readonly PayloadField Passed = Fields.Add("passed");
    private static readonly PayloadField Label = Fields.Add("label");
    private static readonly PayloadField Details = Fields.Add("details");
    private static readonly PayloadField Error = Fields.Add("error");

    public override ProjectionDefinition Definition { get; } = new()
    {
        Name = "evaluationState",
        Pipeline = "evaluation_processing",
        AggregateTypes = ["evaluation"],
        EventTypes = [Scheduled, Started, Completed],
        Version = EvaluationStateTable.Version,
        Store = ProjectionStoreKind.ClickHouse,
        Table = EvaluationStateTable.Rows.Name,
        ReplaySafety = ReplaySafety.LatestRow,
    };

    public override Evaluation CreateState(in ReplayEvent first) => new();

    public override Evaluation Apply(Evaluation state, in ReplayEvent replayEvent)
    {
        Fields.Read(replayEvent, out var payload);
        switch (replayEvent.EventType)
        {
            case Scheduled: ApplyScheduled(state, payload, replayEvent); break;
            case Started: ApplyStarted(state, payload, replayEvent); break;
            case Completed: ApplyCompleted(state, payload, replayEvent); break;
        }

        return state;
    }

    public override IProjectionStore<Evaluation> CreateStore(StoreConnections connections) =>
        new ClickHouseLatestRowStore<Evaluation>(connections.ClickHouse, EvaluationStateTable.Rows);

    internal override bool TryRenew(Evaluation state)
    {
        state.Clear();
        return true;
    }

    private static void ApplyScheduled(Evaluation state, in PayloadValues payload, in ReplayEvent replayEvent)
    {
        payload.CopyRequiredText(EvaluationId, ref state.EvaluationIdText);
        payload.CopyRequiredText(EvaluatorId, ref state.EvaluatorIdText);
        payload.CopyRequiredText(EvaluatorType, ref state.EvaluatorTypeText);
        payload.CopyText(EvaluatorName, ref state.EvaluatorNameText);
        payload.CopyText(TraceId, ref state.TraceIdText);
        state.IsGuardrail = payload.Flag(IsGuardrail) ?? false;
        state.StatusText.Set("scheduled"u8);
        state.ScheduledAt = replayEvent.OccurredAt;
    }

    private static void ApplyStarted(Evaluation state, in PayloadValues payload, in ReplayEvent replayEvent)
    {
        payload.CopyRequiredTextUnlessKnown(EvaluationId, ref state.EvaluationIdText);
        payload.CopyRequiredTextUnlessKnown(EvaluatorId, ref state.EvaluatorIdText);
        payload.CopyRequiredTextUnlessKnown(EvaluatorType, ref state.EvaluatorTypeText);
        payload.CopyTextUnlessKnown(EvaluatorName, ref state.EvaluatorNameText);
        payload.CopyTextUnlessKnown(TraceId, ref state.TraceIdText);
        state.IsGuardrail = payload.Flag(IsGuardrail) ?? state.IsGuardrail;
        state.StatusText.Set("in_progress"u8);
        state.StartedAt = replayEvent.OccurredAt;
    }

    private static void ApplyCompleted(Evaluation state, in PayloadValues payload, in ReplayEvent replayEvent)
    {
        payload.CopyRequiredTextUnlessKnown(EvaluationId, ref state.EvaluationIdText);
        payload.CopyRequiredText(Status, ref state.StatusText);
        state.Score = payload.Number(Score);
        state.Passed = payload.Flag(Passed);
        payload.CopyText(Label, ref state.LabelText);
        payload.CopyText(Details, ref state.DetailsText);
        payload.CopyText(Error, ref state.ErrorText);
        state.CompletedAt = replayEvent.OccurredAt;
    }
}

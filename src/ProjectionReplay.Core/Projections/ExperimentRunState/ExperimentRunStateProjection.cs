using ProjectionReplay.Events;
using ProjectionReplay.Json;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.ExperimentRunState;

/// <summary>Folds an experiment run: its start, the results of its targets and evaluators, and its end.</summary>
internal sealed class ExperimentRunStateProjection : FoldProjection<ExperimentRun>
{
    private const string Started = "lw.experiment_run.started";
    private const string TargetResult = "lw.experiment_run.target_result";
    private const string EvaluatorResult = "lw.experiment_run.evaluator_result";
    private const string Completed = "lw.experiment_run.completed";

    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField RunId = Fields.Add("runId");
    private static readonly PayloadField ExperimentId = Fields.Add("experimentId");
    private static readonly PayloadField WorkflowVersionId = Fields.Add("workflowVersionId");
    private static readonly PayloadField Total = Fields.Add("total");
    private static readonly PayloadField Targets = Fields.Add("targets");
    private static readonly PayloadField Cost = Fields.Add("cost");
    private static readonly PayloadField Duration = Fields.Add("duration");
    private static readonly PayloadField Error = Fields.Add("error");
    private static readonly PayloadField Status = Fields.Add("status");
    private static readonly PayloadField Score = Fields.Add("score");
    private static readonly PayloadField Passed = Fields.Add("passed");
    private static readonly PayloadField FinishedAt = Fields.Add("finishedAt");
    private static readonly PayloadField StoppedAt = Fields.Add("stoppedAt");

    public override ProjectionDefinition Definition { get; } = new()
    {
        Name = "experimentRunState",
        Pipeline = "experiment_run_processing",
        AggregateTypes = ["experiment_run"],
        EventTypes = [Started, TargetResult, EvaluatorResult, Completed],
        Version = ExperimentRunTable.Version,
        Store = ProjectionStoreKind.ClickHouse,
        Table = ExperimentRunTable.Rows.Name,
        ReplaySafety = ReplaySafety.LatestRow,
    };

    public override ExperimentRun CreateState(in ReplayEvent first) => new();

    public override ExperimentRun Apply(ExperimentRun state, in ReplayEvent replayEvent)
    {
        Fields.Read(replayEvent, out var payload);
        switch (replayEvent.EventType)
        {
            case Started: ApplyStarted(state, payload, replayEvent.OccurredAt); break;
            case TargetResult: ApplyTargetResult(state, payload); break;
            case EvaluatorResult: ApplyEvaluatorResult(state, payload); break;
            case Completed: ApplyCompleted(state, payload); break;
        }

        return state;
    }

    public override IProjectionStore<ExperimentRun> CreateStore(StoreConnections connections) =>
        new ClickHouseLatestRowStore<ExperimentRun>(connections.ClickHouse, ExperimentRunTable.Rows);

    private static void ApplyStarted(ExperimentRun state, in PayloadValues payload, long occurredAt)
    {
        state.RunId = payload.RequiredText(RunId);
        state.ExperimentId = payload.RequiredText(ExperimentId);
        state.WorkflowVersionId = payload.Text(WorkflowVersionId);
        state.Total = payload.RequiredNumber(Total);
        state.Targets = EcmaScriptJson.Canonicalize(payload.RequiredArrayJson(Targets));
        state.StartedAt = occurredAt;
    }

    private static void ApplyTargetResult(ExperimentRun state, in PayloadValues payload)
    {
        state.RunId = payload.RequiredTextUnlessKnown(RunId, state.RunId);
        state.ExperimentId = payload.RequiredTextUnlessKnown(ExperimentId, state.ExperimentId);
        if (string.IsNullOrEmpty(payload.Text(Error))) state.CompletedCount++;
        else state.FailedCount++;

        state.TotalCost = Add(state.TotalCost, payload.Number(Cost));
        state.TotalDurationMs = Add(state.TotalDurationMs, payload.Number(Duration));
    }

    private static void ApplyEvaluatorResult(ExperimentRun state, in PayloadValues payload)
    {
        state.RunId = payload.RequiredTextUnlessKnown(RunId, state.RunId);
        state.ExperimentId = payload.RequiredTextUnlessKnown(ExperimentId, state.ExperimentId);
        var score = payload.Number(Score);
        var passed = payload.Flag(Passed);

        // The cost was incurred whatever became of the evaluation; only a processed one has a verdict.
        state.TotalCost = Add(state.TotalCost, payload.Number(Cost));
        if (!string.Equals(payload.RequiredText(Status), "processed", StringComparison.Ordinal)) return;

        if (score is { } points)
        {
            state.TotalScoreSum += points;
            state.ScoreCount++;
        }

        if (passed is { } verdict)
        {
            state.PassFailCount++;
            if (verdict) state.PassedCount++;
        }
    }

    private static void ApplyCompleted(ExperimentRun state, in PayloadValues payload)
    {
        state.RunId = payload.RequiredTextUnlessKnown(RunId, state.RunId);
        state.FinishedAt = payload.Number(FinishedAt);
        state.StoppedAt = payload.Number(StoppedAt);
    }

    private static double? Add(double? sum, double? value) => value is { } number ? (sum ?? 0) + number : sum;
}

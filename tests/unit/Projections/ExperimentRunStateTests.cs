using System.Text.Json.Nodes;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Golden;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.ExperimentRunState;

public sealed class ExperimentRunStateTests
{
    [Fact]
    public async Task Started_sets_all_that_it_carries()
    {
        var row = Started("""{"runId":"r","experimentId":"x","workflowVersionId":"w","total":7,"targets":[]}""");
        var state = await FoldAsync(row);
        Assert.Equal(
            ("r", "x", "w", 7d, "[]", row.OccurredAt),
            (state.RunId, state.ExperimentId, state.WorkflowVersionId, state.Total, state.Targets, state.StartedAt));
    }

    [Fact]
    public async Task Targets_are_written_as_JavaScript_would() =>
        Assert.Equal(
            """[{"1":1e-7,"name":"é</>","n":1e+21,"x":{}}]""",
            (await FoldAsync(Started("""
                {"runId":"r","experimentId":"x","total":7,
                "targets":[ {"name":"\u00e9</>","n":1E21,"1":0.0000001, "x" : { }} ]}
                """))).Targets);

    [Fact]
    public async Task Ids_are_taken_from_whatever_event_comes_first_until_the_run_starts()
    {
        var state = await FoldAsync(
            Completed("""{"runId":"r1"}"""),
            TargetResult(""","runId":"r2","experimentId":"x2" """),
            EvaluatorResult(""","runId":"r3","experimentId":"x3" """));
        Assert.Equal(("r1", "x2"), (state.RunId, state.ExperimentId));

        state = await FoldAsync(TargetResult(""), Started("""{"runId":"r9","experimentId":"x9","total":0,"targets":[]}"""));
        Assert.Equal(("r9", "x9"), (state.RunId, state.ExperimentId));
    }

    [Theory]
    [InlineData("", 1, 0)]
    [InlineData(""","error":null""", 1, 0)]
    [InlineData(""","error":"" """, 1, 0)]
    [InlineData(""","error":" " """, 0, 1)]
    public async Task A_target_fails_only_with_an_error_that_says_something(string fields, uint completed, uint failed)
    {
        var state = await FoldAsync(TargetResult(fields));
        Assert.Equal((completed, failed, 1u), (state.CompletedCount, state.FailedCount, state.Progress));
    }

    [Fact]
    public async Task Costs_and_durations_are_added_where_there_are_any()
    {
        var state = await FoldAsync(TargetResult(""), TargetResult(""","cost":null"""));
        Assert.Equal((null, null), (state.TotalCost, state.TotalDurationMs));

        state = await FoldAsync(TargetResult(""","cost":0"""), TargetResult(""","duration":0"""));
        Assert.Equal((0d, 0d), (state.TotalCost, state.TotalDurationMs));

        state = await FoldAsync(
            TargetResult(""","cost":0.1,"duration":1.5"""), EvaluatorResult(""","cost":0.2""", "error"), TargetResult(""","duration":2"""));
        Assert.Equal((0.1 + 0.2, 3.5), (state.TotalCost, state.TotalDurationMs));
    }

    [Fact]
    public async Task Only_processed_evaluations_have_a_verdict()
    {
        var state = await FoldAsync(
            EvaluatorResult(""","score":1,"passed":true""", "error"),
            EvaluatorResult(""","score":1,"passed":true""", "skipped"));
        Assert.Equal((0d, 0u, 0u, 0u, null, null), Verdict(state));
    }

    [Fact]
    public async Task Verdicts_are_averaged()
    {
        var state = await FoldAsync(
            EvaluatorResult(""","score":0.5,"passed":true"""),
            EvaluatorResult(""","score":0,"passed":false"""),
            EvaluatorResult(""","score":null,"passed":false"""),
            EvaluatorResult(""","score":1,"passed":null"""));
        Assert.Equal((1.5, 3u, 1u, 3u, 0.5, 1d / 3), Verdict(state));
    }

    [Fact]
    public async Task Completed_sets_both_ends()
    {
        var state = await FoldAsync(Completed("""{"runId":"r","finishedAt":1.5,"stoppedAt":2}"""));
        Assert.Equal((1.5, 2d), (state.FinishedAt, state.StoppedAt));

        state = await FoldAsync(Completed("""{"runId":"r","finishedAt":1.5,"stoppedAt":2}"""), Completed("""{"runId":"r"}"""));
        Assert.Equal((null, null), (state.FinishedAt, state.StoppedAt));
    }

    [Theory]
    [InlineData("lw.experiment_run.started", """{"runId":"","experimentId":"","total":0}""", "targets")]
    [InlineData("lw.experiment_run.started", """{"runId":"","experimentId":"","targets":[]}""", "total")]
    [InlineData("lw.experiment_run.started", """{"runId":"","experimentId":"","total":0,"targets":"[]"}""", "targets")]
    [InlineData("lw.experiment_run.target_result", """{"runId":""}""", "experimentId")]
    [InlineData("lw.experiment_run.target_result", """{"runId":"","experimentId":"","error":{}}""", "error")]
    [InlineData("lw.experiment_run.target_result", """{"runId":"","experimentId":"","duration":"1"}""", "duration")]
    [InlineData("lw.experiment_run.evaluator_result", """{"runId":"","experimentId":""}""", "status")]
    [InlineData("lw.experiment_run.evaluator_result", """{"runId":"","experimentId":"","status":"error","score":"1"}""", "score")]
    [InlineData("lw.experiment_run.completed", "{}", "runId")]
    [InlineData("lw.experiment_run.completed", """{"runId":"","finishedAt":"now"}""", "finishedAt")]
    public async Task An_invalid_event_names_the_field(string eventType, string payload, string field)
    {
        var exception = await Assert.ThrowsAsync<InvalidEventPayloadException>(() => FoldAsync(SampleEvent.Of(eventType, payload)));
        Assert.Equal(field, exception.Field);
    }

    [Theory]
    [InlineData(2.5, 3, true)]
    [InlineData(2.4, 2, true)]
    [InlineData(2d, 2, false)]
    public void Fractions_are_rounded_half_up_and_reported(double value, double stored, bool reported)
    {
        var duration = new ExperimentRun { TotalDurationMs = value };
        var total = new ExperimentRun { Total = value };
        Assert.Equal(stored, Row(duration)["TotalDurationMs"]!.GetValue<double>());
        Assert.Equal(stored, Row(total)["Total"]!.GetValue<double>());

        var caution = Assert.Single(ExperimentRunTable.Rows.Cautions);
        Assert.Equal((reported, reported), (caution.When(duration), caution.When(total)));
    }

    [Theory]
    [InlineData(-1d)]
    [InlineData(-0.25)]
    [InlineData(18446744073709551616d)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    public void A_number_that_its_column_cannot_hold_fails_the_batch(double value)
    {
        AssertNotStorable(new ExperimentRun { TotalDurationMs = value }, "TotalDurationMs");
        AssertNotStorable(new ExperimentRun { Total = value }, "Total");
    }

    [Fact]
    public void The_largest_numbers_fit()
    {
        Assert.Equal(4294967295d, Row(new ExperimentRun { Total = 4294967295.4 })["Total"]!.GetValue<double>());
        AssertNotStorable(new ExperimentRun { Total = 4294967295.5 }, "Total");
        Assert.Equal(
            18446744073709549568d,
            Row(new ExperimentRun { TotalDurationMs = 18446744073709549568d })["TotalDurationMs"]!.GetValue<double>());
    }

    [Theory]
    [InlineData(0.9, "1970-01-01 00:00:00.000")]
    [InlineData(-1.9, "1969-12-31 23:59:59.999")]
    [InlineData(-2208988800000.5, "1900-01-01 00:00:00.000")]
    [InlineData(10413791999999.5, "2299-12-31 23:59:59.999")]
    public void A_time_loses_its_fraction(double milliseconds, string stored) =>
        Assert.Equal(stored, Row(new ExperimentRun { FinishedAt = milliseconds })["FinishedAt"]!.GetValue<string>());

    [Theory]
    [InlineData(-2208988800001d)]
    [InlineData(10413792000000d)]
    [InlineData(1e300)]
    [InlineData(double.PositiveInfinity)]
    public void A_time_that_its_column_cannot_hold_fails_the_batch(double milliseconds)
    {
        AssertNotStorable(new ExperimentRun { FinishedAt = milliseconds }, "FinishedAt");
        AssertNotStorable(new ExperimentRun { StoppedAt = milliseconds }, "StoppedAt");
    }

    private static void AssertNotStorable(ExperimentRun state, string column)
    {
        var exception = Assert.Throws<ReplayException>(() => Row(state));
        Assert.Equal(ReplayError.StateNotStorable, exception.Error);
        Assert.Contains("'t1:experiment_run:a1'", exception.Message, StringComparison.Ordinal);
        Assert.Contains($"column {column} ", exception.Message, StringComparison.Ordinal);
    }

    private static EventLogRow Started(string payload) => SampleEvent.Of("lw.experiment_run.started", payload);

    private static EventLogRow TargetResult(string fields) =>
        SampleEvent.Of("lw.experiment_run.target_result", $$"""{"runId":"","experimentId":""{{fields}}}""");

    private static EventLogRow EvaluatorResult(string fields, string status = "processed") =>
        SampleEvent.Of("lw.experiment_run.evaluator_result", $$"""{"runId":"","experimentId":"","status":"{{status}}"{{fields}}}""");

    private static EventLogRow Completed(string payload) => SampleEvent.Of("lw.experiment_run.completed", payload);

    private static async Task<ExperimentRun> FoldAsync(params EventLogRow[] rows) =>
        (await new ExperimentRunStateProjection().FoldAsync(rows)).Single().State;

    private static JsonObject Row(ExperimentRun state) =>
        ExperimentRunTable.Rows.Store(new ProjectedState<ExperimentRun>(new("t1", "experiment_run", "a1"), "a1", state));

    private static (double, uint, uint, uint, double?, double?) Verdict(ExperimentRun state) =>
        (state.TotalScoreSum, state.ScoreCount, state.PassedCount, state.PassFailCount, state.AvgScore, state.PassRate);
}

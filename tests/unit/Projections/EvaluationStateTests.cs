using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Golden;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.EvaluationState;

public sealed class EvaluationStateTests
{
    private const string FullScheduled =
        """{"evaluationId":"e1","evaluatorId":"judge","evaluatorType":"llm","evaluatorName":"Judge","traceId":"t","isGuardrail":true}""";

    private const string FullStarted = """
        {"evaluationId":"e2","evaluatorId":"other","evaluatorType":"other",
        "evaluatorName":"Other","traceId":"other","isGuardrail":false}
        """;

    private const string Bare = """{"evaluationId":"e1","evaluatorId":"","evaluatorType":""}""";

    private const string FullCompleted =
        """{"evaluationId":"e3","status":"processed","score":0.5,"passed":false,"label":"l","details":"d","error":""}""";

    [Fact]
    public async Task Scheduled_sets_all_that_it_carries()
    {
        var row = Scheduled(FullScheduled);
        var state = await FoldAsync(row);
        Assert.Equal(("e1", "judge", "llm", "Judge", "t", true), Identity(state));
        Assert.Equal(("scheduled", row.OccurredAt), (state.Status, state.ScheduledAt));
    }

    [Fact]
    public async Task Scheduled_clears_what_it_does_not_carry()
    {
        var state = await FoldAsync(Started(FullStarted), Scheduled(Bare));
        Assert.Equal(("e1", "", "", null, null, false), Identity(state));
        Assert.Equal("scheduled", state.Status);
        Assert.NotNull(state.StartedAt);
    }

    [Fact]
    public async Task Started_keeps_the_evaluator_of_an_earlier_scheduled_event()
    {
        var scheduled = Scheduled(FullScheduled);
        var row = Started(FullStarted);
        var state = await FoldAsync(scheduled, row);
        Assert.Equal(("e1", "judge", "llm", "Judge", "t", false), Identity(state));
        Assert.Equal(("in_progress", row.OccurredAt), (state.Status, state.StartedAt));
    }

    [Fact]
    public async Task Started_fills_what_is_still_empty() =>
        Assert.Equal(("e1", "other", "other", "Other", "other", false), Identity(await FoldAsync(Scheduled(Bare), Started(FullStarted))));

    [Theory]
    [InlineData("""{"evaluationId":"e1","evaluatorId":"","evaluatorType":""}""")]
    [InlineData("""{"evaluationId":"e1","evaluatorId":"","evaluatorType":"","isGuardrail":null}""")]
    public async Task Started_keeps_the_guardrail_flag_that_it_does_not_carry(string payload) =>
        Assert.True((await FoldAsync(Scheduled(FullScheduled), Started(payload))).IsGuardrail);

    [Fact]
    public async Task An_empty_name_is_a_name() =>
        Assert.Equal("", (await FoldAsync(
            Scheduled("""{"evaluationId":"e1","evaluatorId":"","evaluatorType":"","evaluatorName":""}"""),
            Started(FullStarted))).EvaluatorName);

    [Fact]
    public async Task Completed_sets_the_verdict()
    {
        var scheduled = Scheduled(FullScheduled);
        var row = Completed(FullCompleted);
        var state = await FoldAsync(scheduled, row);
        Assert.Equal(("processed", 0.5, false, "l", "d", ""), Verdict(state));
        Assert.Equal(("e1", row.OccurredAt), (state.EvaluationId, state.CompletedAt));
    }

    [Fact]
    public async Task Completed_clears_a_verdict_that_it_does_not_carry() =>
        Assert.Equal(
            ("skipped", null, null, null, null, null),
            Verdict(await FoldAsync(Completed(FullCompleted), Completed("""{"evaluationId":"e1","status":"skipped","score":null}"""))));

    [Fact]
    public async Task The_evaluation_id_is_taken_from_whatever_event_comes_first()
    {
        Assert.Equal("e2", (await FoldAsync(Started(FullStarted), Completed(FullCompleted))).EvaluationId);
        Assert.Equal("e3", (await FoldAsync(Completed(FullCompleted), Started(FullStarted))).EvaluationId);
        Assert.Equal("e1", (await FoldAsync(Completed(FullCompleted), Scheduled(FullScheduled))).EvaluationId);
    }

    [Fact]
    public async Task Without_a_time_of_its_own_an_event_occurred_when_it_was_recorded()
    {
        var row = Scheduled(FullScheduled) with { OccurredAt = 0 };
        Assert.Equal(row.Timestamp, (await FoldAsync(row)).ScheduledAt);
    }

    [Theory]
    [InlineData("lw.evaluation.scheduled", """{"evaluatorId":"","evaluatorType":""}""", "evaluationId")]
    [InlineData("lw.evaluation.scheduled", """{"evaluationId":"","evaluatorType":""}""", "evaluatorId")]
    [InlineData("lw.evaluation.scheduled", """{"evaluationId":"","evaluatorId":""}""", "evaluatorType")]
    [InlineData(
        "lw.evaluation.scheduled", """{"evaluationId":"","evaluatorId":"","evaluatorType":"","isGuardrail":"yes"}""", "isGuardrail")]
    [InlineData("lw.evaluation.started", """{"evaluationId":"","evaluatorId":""}""", "evaluatorType")]
    [InlineData("lw.evaluation.started", """{"evaluationId":"","evaluatorId":"","evaluatorType":"","traceId":1}""", "traceId")]
    [InlineData("lw.evaluation.completed", """{"evaluationId":""}""", "status")]
    [InlineData("lw.evaluation.completed", """{"evaluationId":"","status":"error","score":"1"}""", "score")]
    [InlineData("lw.evaluation.completed", "", "$")]
    public async Task An_invalid_event_names_the_field(string eventType, string payload, string field)
    {
        var exception = await Assert.ThrowsAsync<InvalidEventPayloadException>(() => FoldAsync(SampleEvent.Of(eventType, payload)));
        Assert.Equal(field, exception.Field);
    }

    [Fact]
    public void The_row_id_is_a_KSUID_of_the_time_of_scheduling()
    {
        var row = Row(new Evaluation { EvaluationId = "eval_1", ScheduledAt = 1750000000000 });
        Assert.Equal("evalstate_0007n8Mg2EohXDbFPMAKMSEwspLuK", row["Id"]!.GetValue<string>());
        Assert.Equal("evalstate_0007n8Mg2EohXDbFPMAKMSEwspLuK", row["LastProcessedEventId"]!.GetValue<string>());
    }

    [Fact]
    public void The_row_id_of_an_evaluation_never_scheduled_is_plain() =>
        Assert.Equal("evaluation_state:project_abc123:eval_1", Row(new Evaluation { EvaluationId = "eval_1" })["Id"]!.GetValue<string>());

    [Fact]
    public void A_score_beyond_all_numbers_is_stored_as_null() =>
        Assert.Null(Row(new Evaluation { Score = double.PositiveInfinity })["Score"]);

    [Fact]
    public void A_lone_surrogate_is_stored_as_a_replacement_character() =>
        Assert.Equal("a\ufffd", Row(new Evaluation { Label = "a\ud83d" })["Label"]!.GetValue<string>());

    [Fact]
    public async Task A_state_that_is_used_again_keeps_nothing_of_the_evaluation_before()
    {
        var state = await FoldAsync(
            Scheduled(FullScheduled),
            Started(FullStarted),
            Completed(FullCompleted.Replace("\"error\":\"\"", "\"error\":\"e\"", StringComparison.Ordinal)));
        Assert.NotEqual(Row(new Evaluation()).ToJsonString(), Row(state).ToJsonString());
        Assert.StartsWith("evalstate_", Row(state)["Id"]!.GetValue<string>(), StringComparison.Ordinal);

        Assert.True(new EvaluationStateProjection().TryRenew(state));

        Assert.Equal(Row(new Evaluation()).ToJsonString(), Row(state).ToJsonString());
    }

    [Theory]
    [InlineData("caf\u00e9 \ud83d\ude00", "caf\u00e9 \ud83d\ude00")]
    [InlineData("a \\\"b\\\" \\u00e9 \\ud83d\\ude00", "a \"b\" \u00e9 \ud83d\ude00")]
    [InlineData("lone \\ud83d", "lone \ufffd")]
    [InlineData("", "")]
    public async Task A_text_is_stored_as_it_is_meant_however_it_is_written(string json, string text)
    {
        var state = await FoldAsync(
            Completed("""{"evaluationId":"e1","status":"processed","label":"a label that is longer than the one that follows it"}"""),
            Completed($$"""{"evaluationId":"e1","status":"processed","label":"{{json}}"}"""));
        Assert.Equal((text, text), (state.Label, Row(state)["Label"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData(-2208988800001)]
    [InlineData(10413792000000)]
    public void A_time_that_ClickHouse_cannot_hold_fails_the_batch(long milliseconds)
    {
        var exception = Assert.Throws<ReplayException>(() => Row(new Evaluation { StartedAt = milliseconds }));
        Assert.Equal(ReplayError.StateNotStorable, exception.Error);
        Assert.Contains("'project_abc123:evaluation:eval_1'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("StartedAt", exception.Message, StringComparison.Ordinal);
    }

    private static EventLogRow Scheduled(string payload) => SampleEvent.Of("lw.evaluation.scheduled", payload);

    private static EventLogRow Started(string payload) => SampleEvent.Of("lw.evaluation.started", payload);

    private static EventLogRow Completed(string payload) => SampleEvent.Of("lw.evaluation.completed", payload);

    private static async Task<Evaluation> FoldAsync(params EventLogRow[] rows) =>
        (await new EvaluationStateProjection().FoldAsync(rows)).Single().State;

    private static System.Text.Json.Nodes.JsonObject Row(Evaluation state) =>
        EvaluationStateTable.Rows.Store(new ProjectedState<Evaluation>(new("project_abc123", "evaluation", "eval_1"), "eval_1", state));

    private static (string, string, string, string?, string?, bool) Identity(Evaluation state) =>
        (state.EvaluationId, state.EvaluatorId, state.EvaluatorType, state.EvaluatorName, state.TraceId, state.IsGuardrail);

    private static (string, double?, bool?, string?, string?, string?) Verdict(Evaluation state) =>
        (state.Status, state.Score, state.Passed, state.Label, state.Details, state.Error);
}

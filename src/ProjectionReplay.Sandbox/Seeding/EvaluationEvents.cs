namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Writes one evaluation: scheduled, started, completed.</summary>
internal static class EvaluationEvents
{
    private const string Version = "2025-01-14";

    private static readonly string[] s_types =
        ["ragas/faithfulness", "langevals/llm_boolean", "openai/moderation", "lingua/language_detection", "custom/python"];

    public static void Write(EventRows rows, SeedRandom random, string tenantId, long time)
    {
        var aggregate = new SeedAggregate(tenantId, "evaluation", "evaluation_" + random.Letters(29));
        var evaluator = "evaluator_" + random.Letters(8);
        var type = random.Of<string>(s_types);
        var traceId = random.HexDigits(32);

        WriteBeginning(rows, random, aggregate, "lw.evaluation.scheduled", time, evaluator, type, traceId);
        time += 20 + random.Below(2_000);
        WriteBeginning(rows, random, aggregate, "lw.evaluation.started", time, evaluator, type, traceId);
        WriteCompleted(rows, random, aggregate, time + 100 + random.Below(20_000));
    }

    private static void WriteBeginning(
        EventRows rows,
        SeedRandom random,
        in SeedAggregate aggregate,
        string eventType,
        long time,
        string evaluator,
        string type,
        string traceId)
    {
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteString("evaluationId"u8, aggregate.Id);
        json.WriteString("evaluatorId"u8, evaluator);
        json.WriteString("evaluatorType"u8, type);
        json.WriteString("evaluatorName"u8, "Check for " + type);
        json.WriteString("traceId"u8, traceId);
        json.WriteBoolean("isGuardrail"u8, random.Below(10) == 0);
        json.WriteEndObject();
        rows.Add(aggregate, eventType, Version, time, time, random.Letters(27));
    }

    private static void WriteCompleted(EventRows rows, SeedRandom random, in SeedAggregate aggregate, long time)
    {
        var outcome = random.Below(20);
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteString("evaluationId"u8, aggregate.Id);
        json.WriteString("status"u8, outcome switch { 0 => "error", 1 => "skipped", _ => "processed" });
        if (outcome > 1)
        {
            var score = Math.Round(random.Fraction(), 3);
            json.WriteNumber("score"u8, score);
            json.WriteBoolean("passed"u8, score > 0.4);
            json.WriteString("label"u8, score > 0.4 ? "good" : "bad");
        }
        json.WriteString("details"u8, SeedText.Sentence(random, 16));
        if (outcome == 0)
            json.WriteString("error"u8, "Error: the evaluator timed out after 30 seconds");
        json.WriteEndObject();
        rows.Add(aggregate, "lw.evaluation.completed", Version, time, time, random.Letters(27));
    }
}

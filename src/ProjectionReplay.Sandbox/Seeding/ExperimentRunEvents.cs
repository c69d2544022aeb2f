using System.Globalization;
using System.Text.Json;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Writes one experiment run: started, results of targets and evaluators, completed.</summary>
internal static class ExperimentRunEvents
{
    private const string Version = "2025-02-01";

    public static void Write(EventRows rows, SeedRandom random, string tenantId, long time)
    {
        var aggregate = new SeedAggregate(tenantId, "experiment_run", "run_" + random.Letters(20));
        var experimentId = "experiment_" + random.Letters(10);
        var entries = 3 + random.Below(8);
        WriteStarted(rows, random, aggregate, experimentId, entries, time);
        for (var index = 0; index < entries; index++)
        {
            time += 200 + random.Below(3_000);
            WriteTarget(rows, random, aggregate, experimentId, index, time);
            for (var evaluator = 0; evaluator < 2; evaluator++)
            {
                time += 50 + random.Below(1_000);
                WriteEvaluator(rows, random, aggregate, experimentId, index, evaluator, time);
            }
        }
        WriteCompleted(rows, random, aggregate, time + 100);
    }

    private static void WriteStarted(
        EventRows rows, SeedRandom random, in SeedAggregate aggregate, string experimentId, int entries, long time)
    {
        var json = Begin(rows, aggregate, experimentId);
        if (random.Below(2) == 0)
            json.WriteString("workflowVersionId"u8, "workflow_version_" + random.Letters(12));
        json.WriteNumber("total"u8, entries);
        json.WriteStartArray("targets"u8);
        json.WriteStartObject();
        json.WriteString("id"u8, "target_0");
        json.WriteString("name"u8, "GPT");
        json.WriteString("type"u8, "prompt");
        json.WriteNumber("promptVersion"u8, 1 + random.Below(5));
        json.WriteString("model"u8, "openai/gpt-4o");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        rows.Add(aggregate, "lw.experiment_run.started", Version, time, time, random.Letters(27));
    }

    private static void WriteTarget(
        EventRows rows, SeedRandom random, in SeedAggregate aggregate, string experimentId, int index, long time)
    {
        var json = Begin(rows, aggregate, experimentId);
        json.WriteNumber("index"u8, index);
        json.WriteString("targetId"u8, "target_0");
        json.WriteStartObject("entry"u8);
        json.WriteString("q"u8, SeedText.Sentence(random, 8));
        json.WriteEndObject();
        var failed = random.Below(15) == 0;
        if (failed)
        {
            json.WriteNull("predicted"u8);
            json.WriteString("error"u8, "Error: rate limited");
        }
        else
        {
            json.WriteStartObject("predicted"u8);
            json.WriteString("output"u8, SeedText.Sentence(random, 14));
            json.WriteEndObject();
        }
        json.WriteNumber("cost"u8, Math.Round(random.Fraction() / 100, 6));
        json.WriteNumber("duration"u8, 200 + random.Below(3_000));
        json.WriteString("traceId"u8, random.HexDigits(32));
        json.WriteEndObject();
        rows.Add(aggregate, "lw.experiment_run.target_result", Version, time, time, random.Letters(27));
    }

    private static void WriteEvaluator(
        EventRows rows, SeedRandom random, in SeedAggregate aggregate, string experimentId, int index, int evaluator, long time)
    {
        var json = Begin(rows, aggregate, experimentId);
        json.WriteNumber("index"u8, index);
        json.WriteString("targetId"u8, "target_0");
        json.WriteString("evaluatorId"u8, string.Create(CultureInfo.InvariantCulture, $"ev_{evaluator}"));
        json.WriteString("evaluatorName"u8, evaluator == 0 ? "Exact match" : "Faithfulness");
        var processed = random.Below(12) > 0;
        json.WriteString("status"u8, processed ? "processed" : "skipped");
        if (processed)
        {
            var score = Math.Round(random.Fraction(), 4);
            json.WriteNumber("score"u8, score);
            json.WriteBoolean("passed"u8, score > 0.5);
        }
        json.WriteNumber("cost"u8, Math.Round(random.Fraction() / 1000, 7));
        json.WriteEndObject();
        rows.Add(aggregate, "lw.experiment_run.evaluator_result", Version, time, time, random.Letters(27));
    }

    private static void WriteCompleted(EventRows rows, SeedRandom random, in SeedAggregate aggregate, long time)
    {
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteString("runId"u8, aggregate.Id);
        json.WriteNumber(random.Below(20) == 0 ? "stoppedAt"u8 : "finishedAt"u8, time);
        json.WriteEndObject();
        rows.Add(aggregate, "lw.experiment_run.completed", Version, time, time, random.Letters(27));
    }

    private static Utf8JsonWriter Begin(EventRows rows, in SeedAggregate aggregate, string experimentId)
    {
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteString("runId"u8, aggregate.Id);
        json.WriteString("experimentId"u8, experimentId);
        return json;
    }
}

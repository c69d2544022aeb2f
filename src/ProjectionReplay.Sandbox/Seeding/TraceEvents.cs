using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Writes one trace: two to six spans, and for some traces the topic found later.</summary>
internal static class TraceEvents
{
    private static readonly (string Name, string Version, string Language)[] s_sdks =
        [("langwatch-observability-sdk", "0.7.1", "nodejs"), ("langwatch-python", "0.3.2", "python"), ("langwatch-go", "0.1.0", "go")];

    private static readonly string[] s_models = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-flash"];

    public static void Write(EventRows rows, SeedRandom random, string tenantId, long time)
    {
        var aggregate = new SeedAggregate(tenantId, "trace", random.HexDigits(32));
        var sdk = random.Below(10);
        var root = random.HexDigits(16);
        var spans = 2 + random.Below(5);
        for (var i = 0; i < spans; i++)
        {
            time += random.Below(400);
            WriteSpan(rows, random, aggregate, i == 0 ? root : random.HexDigits(16), i == 0 ? null : root, sdk, time);
        }
        if (random.Below(4) == 0)
            WriteTopic(rows, random, aggregate, time + 60_000 + random.Below(600_000));
    }

    private static void WriteSpan(
        EventRows rows, SeedRandom random, in SeedAggregate aggregate, string spanId, string? parentSpanId, int sdk, long time)
    {
        var duration = 50 + random.Below(5_000);
        var failed = random.Below(25) == 0;
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteStartObject("span"u8);
        json.WriteString("traceId"u8, aggregate.Id);
        json.WriteString("spanId"u8, spanId);
        json.WriteString("name"u8, parentSpanId is null ? "agent run" : "chat completion");
        json.WriteNumber("kind"u8, parentSpanId is null ? 1 : 3);
        json.WriteString("startTimeUnixNano"u8, Nanoseconds(time - duration));
        json.WriteString("endTimeUnixNano"u8, Nanoseconds(time));
        json.WriteStartArray("attributes"u8);
        if (parentSpanId is null)
            OtlpAttributes.WriteRoot(json, random);
        else
            OtlpAttributes.WriteModelCall(json, random, random.Of<string>(s_models));
        json.WriteEndArray();
        json.WriteStartArray("events"u8);
        if (failed)
            OtlpAttributes.WriteException(json, Nanoseconds(time));
        json.WriteEndArray();
        json.WriteStartArray("links"u8);
        json.WriteEndArray();
        json.WriteStartObject("status"u8);
        json.WriteNumber("code"u8, failed ? 2 : 1);
        if (failed)
            json.WriteString("message"u8, "rate limited");
        json.WriteEndObject();
        json.WriteNumber("droppedAttributesCount"u8, 0);
        json.WriteNumber("droppedEventsCount"u8, 0);
        json.WriteNumber("droppedLinksCount"u8, 0);
        json.WriteString("parentSpanId"u8, parentSpanId);
        json.WriteEndObject();
        WriteResource(json, sdk);
        json.WriteString("piiRedactionLevel"u8, "ESSENTIAL");
        json.WriteEndObject();

        rows.Add(aggregate, "lw.obs.trace.span_received", "2025-12-14", time, time - random.Below(50), random.Letters(27));
    }

    private static void WriteResource(Utf8JsonWriter json, int sdk)
    {
        json.WriteStartObject("resource"u8);
        json.WriteStartArray("attributes"u8);
        OtlpAttributes.Write(json, "service.name"u8, "shop-assistant");
        OtlpAttributes.Write(json, "deployment.environment"u8, "production");
        if (sdk < s_sdks.Length)
            WriteSdk(json, "langwatch.sdk.", s_sdks[sdk]);
        else if (sdk < 8)
            WriteSdk(json, "telemetry.sdk.", s_sdks[sdk % s_sdks.Length]);
        else
            WriteSdk(json, "telemetry.sdk.", ("opentelemetry", "1.30.1", "nodejs"));
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("instrumentationScope"u8);
        json.WriteString("name"u8, "langwatch");
        json.WriteString("version"u8, "1.0.0");
        json.WriteEndObject();
    }

    private static void WriteSdk(Utf8JsonWriter json, string prefix, (string Name, string Version, string Language) library)
    {
        OtlpAttributes.Write(json, Encoding.UTF8.GetBytes(prefix + "name"), library.Name);
        OtlpAttributes.Write(json, Encoding.UTF8.GetBytes(prefix + "version"), library.Version);
        OtlpAttributes.Write(json, Encoding.UTF8.GetBytes(prefix + "language"), library.Language);
    }

    private static void WriteTopic(EventRows rows, SeedRandom random, in SeedAggregate aggregate, long time)
    {
        var json = rows.Payload();
        json.WriteStartObject();
        json.WriteString("topicId"u8, string.Create(CultureInfo.InvariantCulture, $"topic_{random.Below(12)}"));
        json.WriteString("topicName"u8, "Billing");
        json.WriteNull("subtopicId"u8);
        json.WriteNull("subtopicName"u8);
        json.WriteBoolean("isIncremental"u8, true);
        json.WriteEndObject();
        rows.Add(aggregate, "lw.obs.trace.topic_assigned", "2025-02-01", time, time, random.Letters(27));
    }

    /// <summary>OTLP writes 64-bit times as decimal text.</summary>
    private static string Nanoseconds(long milliseconds) => string.Create(CultureInfo.InvariantCulture, $"{milliseconds}000000");
}

using System.Text;
using System.Text.Json;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Span attributes in OTLP's JSON form, as instrumented applications send them.</summary>
internal static class OtlpAttributes
{
    /// <summary>One text attribute.</summary>
    public static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> key, string value)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteString("stringValue"u8, value);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>What an application's outermost span carries.</summary>
    public static void WriteRoot(Utf8JsonWriter json, SeedRandom random)
    {
        Write(json, "langwatch.span.type"u8, "agent");
        Write(json, "langwatch.user.id"u8, "user_" + random.Letters(6));
        Write(json, "langwatch.thread.id"u8, "thread_" + random.Letters(10));
        Write(json, "langwatch.labels"u8, "[\"production\",\"assistant\"]");
        Write(json, "langwatch.input"u8, Typed(SeedText.Sentence(random, 60)));
        Write(json, "langwatch.output"u8, Typed(SeedText.Sentence(random, 80)));
    }

    /// <summary>What a call of a language model carries.</summary>
    public static void WriteModelCall(Utf8JsonWriter json, SeedRandom random, string model)
    {
        Write(json, "gen_ai.operation.name"u8, "chat");
        Write(json, "gen_ai.system"u8, "openai");
        Write(json, "gen_ai.request.model"u8, model);
        Write(json, "gen_ai.response.model"u8, model);
        WriteNumber(json, "gen_ai.usage.input_tokens"u8, 50 + random.Below(4_000));
        WriteNumber(json, "gen_ai.usage.output_tokens"u8, 5 + random.Below(800));
        Write(json, "gen_ai.input.messages"u8, Message("user", SeedText.Sentence(random, 70)));
        Write(json, "gen_ai.output.messages"u8, Message("assistant", SeedText.Sentence(random, 70)));
    }

    /// <summary>The event of a span that failed.</summary>
    public static void WriteException(Utf8JsonWriter json, string timeUnixNano)
    {
        json.WriteStartObject();
        json.WriteString("timeUnixNano"u8, timeUnixNano);
        json.WriteString("name"u8, "exception");
        json.WriteStartArray("attributes"u8);
        Write(json, "exception.type"u8, "RateLimitError");
        Write(json, "exception.message"u8, "rate limited, try again in 20 s");
        json.WriteEndArray();
        json.WriteNumber("droppedAttributesCount"u8, 0);
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> key, int value)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteNumber("intValue"u8, value);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Typed(string text) => $$"""{"type":"text","value":"{{text}}"}""";

    private static string Message(string role, string text) =>
        new StringBuilder("[{\"role\":\"").Append(role).Append("\",\"content\":\"").Append(text).Append("\"}]").ToString();
}

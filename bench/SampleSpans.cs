using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ProjectionReplay.Bench;

/// <summary>Payloads of spans of about 2 KB, as applications of several styles send them.</summary>
internal static class SampleSpans
{
    /// <summary>When the first span starts, ms since 1970 UTC.</summary>
    public const long Start = 1_768_000_000_000;

    private const string Sentence =
        "The invoice was paid on Monday, and the customer asks \\\"why\\\" it is still shown as open in the portal. ";

    private static readonly Func<int, (string Scope, string Name, string Attributes, string Events)>[] Makers =
        [LangWatch, GenAi, OpenInference, Vercel, Strands, Traceloop, Indexed];

    /// <summary>The styles, in the order in which traces have them.</summary>
    public static IReadOnlyList<string> Styles { get; } = [.. Makers.Select(make => make.Method.Name)];

    public static string TraceId(int trace) => trace.ToString("x32", CultureInfo.InvariantCulture);

    /// <summary>Makes spans, trace after trace.</summary>
    /// <param name="count">How many.</param>
    /// <param name="perTrace">The spans of a trace, all of one style; the last one is its root.</param>
    public static IReadOnlyList<byte[]> Make(int count, int perTrace) =>
        [.. Enumerable.Range(0, count).Select(i => Encoding.UTF8.GetBytes(Payload(i, i / perTrace, i % perTrace == perTrace - 1)))];

    private static string Payload(int number, int trace, bool isRoot)
    {
        var (scope, name, attributes, events) = Makers[trace % Makers.Length](number);
        var start = Start + (number * 37L);
        var parent = isRoot ? "null" : "\"0123456789abcdef\"";
        return $$"""
            {"span":{"traceId":"{{TraceId(trace)}}","spanId":"{{number:x16}}","traceState":null,"parentSpanId":{{parent}},
            "name":"{{name}}","kind":1,"startTimeUnixNano":"{{start}}000000","endTimeUnixNano":"{{start + 1200}}000000",
            "attributes":[{{attributes}},{{Text("code.function", "answer")}},
            {{Text("thread.name", "MainThread")}},{{Number("thread.id", 140_245)}}],
            "events":[{{events.Replace("TIME", $"\"{start + 300}000000\"", StringComparison.Ordinal)}}],"links":[],
            "status":{"code":1},"droppedAttributesCount":0,"droppedEventsCount":0,"droppedLinksCount":0},
            "resource":{"attributes":[{{Text("service.name", "shop-assistant")}},{{Text("telemetry.sdk.name", "opentelemetry")}},
            {{Text("telemetry.sdk.language", "python")}},{{Text("telemetry.sdk.version", "1.30.1")}},
            {{Text("deployment.environment", "production")}},{{Text("team", "billing")}}]},
            "instrumentationScope":{"name":"{{scope}}","version":"1.0.0"},"piiRedactionLevel":"ESSENTIAL"}
            """.ReplaceLineEndings("");
    }

    private static (string, string, string, string) LangWatch(int number) => ("langwatch", "answer", List(
        Text("langwatch.span.type", "llm"),
        Text("langwatch.user.id", "user_1"),
        Text("langwatch.thread.id", "thread_1"),
        Text("langwatch.labels", "[\"production\"]"),
        Text("metadata", """{"user_id":"user_1","plan":"pro","attempt":2}"""),
        Text("gen_ai.request.model", "gpt-4o"),
        Text("langwatch.metrics", """{"type":"json","value":{"promptTokens":512,"completionTokens":64,"cost":0.00192}}"""),
        Text("langwatch.input", $$"""{"type":"chat_messages","value":{{Chat("user", 5)}}}"""),
        Text("langwatch.output", $$"""{"type":"text","value":"{{Words(3)}} {{number}}"}""")), "");

    private static (string, string, string, string) GenAi(int number) => ("opentelemetry.instrumentation.openai", "chat gpt-4o", List(
        Text("gen_ai.operation.name", "chat"),
        Text("gen_ai.system", "openai"),
        Text("gen_ai.request.model", "gpt-4o"),
        Text("gen_ai.response.model", "gpt-4o-2024-08-06"),
        Number("gen_ai.usage.input_tokens", 512 + number % 7),
        Number("gen_ai.usage.output_tokens", 64),
        Text("gen_ai.input.messages", Chat("user", 6)),
        Text("gen_ai.output.messages", Chat("assistant", 3))), """{"name":"gen_ai.content.chunk","timeUnixNano":TIME,"attributes":[]}""");

    private static (string, string, string, string) OpenInference(int number) =>
        ("openinference.instrumentation.langchain", "ChatOpenAI", List(
            Text("openinference.span.kind", "LLM"),
            Text("llm.model_name", "claude-sonnet-4"),
            Text("llm.invocation_parameters", """{"temperature":0.2,"max_tokens":1024}"""),
            Text("session.id", "session_1"),
            Text("user.id", "user_1"),
            Text("input.value", $$"""{"messages":{{Chat("user", 5)}}}"""),
            Text("output.value", $"{Words(4)} {number}"),
            Number("gen_ai.usage.prompt_tokens", 400),
            Number("gen_ai.usage.completion_tokens", 80)), "");

    private static (string, string, string, string) Vercel(int number) => ("ai", "ai.generateText.doGenerate", List(
        Text("ai.model", """{"id":"gpt-4o-mini","provider":"openai.chat"}"""),
        Text("ai.usage", """{"promptTokens":300,"completionTokens":55}"""),
        Text("ai.prompt.messages", Chat("user", 6)),
        Text("ai.response", $$"""{"text":"{{Words(3)}} {{number}}","toolCalls":[]}"""),
        Text("operation.name", "ai.generateText.doGenerate")), "");

    private static (string, string, string, string) Strands(int number) => ("strands.telemetry.tracer", "Cycle 1", List(
        Text("gen_ai.operation.name", "chat"),
        Text("gen_ai.request.model", "claude-3.5-sonnet"),
        Number("gen_ai.usage.prompt_tokens", 300 + number % 5),
        Number("gen_ai.usage.completion_tokens", 30)), string.Join(
            ',',
            Happened("gen_ai.system.message", Text("content", Words(2))),
            Happened("gen_ai.user.message", Text("content", $$"""[{"text":"{{Words(3)}}"}]""")),
            Happened("gen_ai.choice", $"{Text("message", $$"""[{"text":"{{Words(2)}}"}]""")},{Text("finish_reason", "end_turn")}")));

    private static (string, string, string, string) Traceloop(int number) =>
        ("opentelemetry.instrumentation.langchain", "agent.workflow", List(
            Text("traceloop.span.kind", "agent"),
            Text("traceloop.workflow.name", "support"),
            Text("traceloop.entity.input", $$"""{"messages":{{Chat("user", 5)}}}"""),
            Text("traceloop.entity.output", $$"""{"outputs":"{{Words(4)}} {{number}}"}""")), "");

    private static (string, string, string, string) Indexed(int number) => ("opentelemetry.instrumentation.openai.v1", "openai.chat", List(
        Text("llm.request.type", "chat"),
        Text("gen_ai.request.model", "gpt-4o"),
        Text("gen_ai.prompt.0.role", "system"),
        Text("gen_ai.prompt.0.content", Words(2)),
        Text("gen_ai.prompt.1.role", "user"),
        Text("gen_ai.prompt.1.content", Words(3)),
        Text("gen_ai.completion.0.role", "assistant"),
        Text("gen_ai.completion.0.content", Words(3)),
        Number("gen_ai.usage.prompt_tokens", 300 + number % 5),
        Number("gen_ai.usage.completion_tokens", 30)), "");

    private static string Chat(string role, int sentences) =>
        $$"""[{"role":"system","content":"You are helpful."},{"role":"{{role}}","content":"{{Words(sentences)}}"}]""";

    private static string Words(int sentences) => string.Concat(Enumerable.Repeat(Sentence, sentences));

    private static string List(params string[] attributes) => string.Join(',', attributes);

    private static string Happened(string name, string attributes) =>
        $$"""{"name":"{{name}}","timeUnixNano":TIME,"attributes":[{{attributes}}]}""";

    private static string Text(string key, string value) =>
        $$$"""{"key":"{{{key}}}","value":{"stringValue":{{{JsonSerializer.Serialize(value, RelaxedOptions)}}}}}""";

    private static string Number(string key, int value) => $$$"""{"key":"{{{key}}}","value":{"intValue":"{{{value}}}"}}""";

    private static JsonSerializerOptions RelaxedOptions { get; } = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}

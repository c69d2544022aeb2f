using System.Globalization;
using System.Text.Json;
using ProjectionReplay.Golden;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>A span that a test makes up: a root of one second's length, unless it says otherwise. Immutable.</summary>
internal sealed record SampleSpan
{
    /// <summary>When spans start unless they say otherwise, ms since 1970 UTC.</summary>
    public const long Start = 1700000000000;

    public string TraceId { get; init; } = "trace_1";

    public string? ParentSpanId { get; init; }

    public string Name { get; init; } = "span";

    /// <summary>The name of the instrumentation, or null for none.</summary>
    public string? Scope { get; init; }

    public long StartMs { get; init; } = Start;

    public long EndMs { get; init; } = Start + 1000;

    /// <summary>The status as JSON.</summary>
    public string Status { get; init; } = "{}";

    private string Attributes { get; init; } = "";

    private string Events { get; init; } = "";

    private string Resource { get; init; } = "";

    /// <summary>A span with text attributes.</summary>
    public static SampleSpan Of(params (string Key, string Text)[] attributes) =>
        attributes.Aggregate(new SampleSpan(), (span, attribute) => span.Text(attribute.Key, attribute.Text));

    /// <summary>Adds a text attribute.</summary>
    public SampleSpan Text(string key, string text) => Value(key, Json("stringValue", text));

    /// <summary>Adds a number.</summary>
    public SampleSpan Number(string key, double number) =>
        Value(key, $$"""{"doubleValue":{{number.ToString("R", CultureInfo.InvariantCulture)}}}""");

    /// <summary>Adds a boolean.</summary>
    public SampleSpan Flag(string key, bool flag) => Value(key, $$"""{"boolValue":{{(flag ? "true" : "false")}}}""");

    /// <summary>Adds an attribute whose value is any JSON.</summary>
    public SampleSpan Value(string key, string json) => this with { Attributes = Join(Attributes, Entry(key, json)) };

    /// <summary>Adds a resource attribute whose value is any JSON.</summary>
    public SampleSpan ResourceValue(string key, string json) => this with { Resource = Join(Resource, Entry(key, json)) };

    /// <summary>Adds a resource attribute that is text.</summary>
    public SampleSpan ResourceText(string key, string text) => ResourceValue(key, Json("stringValue", text));

    /// <summary>Adds an event with text attributes, some ms after the start.</summary>
    public SampleSpan Event(string name, long offset = 0, params (string Key, string Text)[] attributes)
    {
        var entries = attributes.Select(attribute => Entry(attribute.Key, Json("stringValue", attribute.Text)));
        return EventOf(name, string.Join(',', entries), $"\"{StartMs + offset}000000\"");
    }

    /// <summary>Adds an event whose attributes and time are any JSON.</summary>
    public SampleSpan EventOf(string name, string attributes, string time) => this with
    {
        Events = Join(Events, $$"""{"name":{{JsonSerializer.Serialize(name)}},"timeUnixNano":{{time}},"attributes":[{{attributes}}]}"""),
    };

    /// <summary>A span below another one.</summary>
    public SampleSpan Child() => this with { ParentSpanId = "parent" };

    /// <summary>The payload.</summary>
    public string ToJson()
    {
        var trace = JsonSerializer.Serialize(TraceId);
        var parent = JsonSerializer.Serialize(ParentSpanId);
        var name = JsonSerializer.Serialize(Name);
        var scope = Scope is null ? "null" : $$"""{"name":{{JsonSerializer.Serialize(Scope)}}}""";
        return $$"""
            {"span":{"traceId":{{trace}},"spanId":"span_1","parentSpanId":{{parent}},"name":{{name}},"kind":1,
            "startTimeUnixNano":"{{StartMs}}000000","endTimeUnixNano":"{{EndMs}}000000",
            "attributes":[{{Attributes}}],"events":[{{Events}}],"links":[],"status":{{Status}}},
            "resource":{"attributes":[{{Resource}}]},"instrumentationScope":{{scope}}}
            """;
    }

    /// <summary>The event that brings it.</summary>
    public EventLogRow ToRow() => SampleEvent.Of("lw.obs.trace.span_received", ToJson());

    private static string Join(string list, string entry) => list.Length == 0 ? entry : $"{list},{entry}";

    private static string Entry(string key, string value) => $$"""{"key":{{JsonSerializer.Serialize(key)}},"value":{{value}}}""";

    private static string Json(string kind, string text) => $$"""{"{{kind}}":{{JsonSerializer.Serialize(text)}}}""";
}

using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Strands Agents, which sends its messages as events.</summary>
internal sealed class StrandsCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private static readonly (string Operation, string Type)[] Operations =
        [("chat", SpanTypes.Llm), ("execute_tool", SpanTypes.Tool), ("invoke_agent", SpanTypes.Agent)];

    /// <summary>In this order, and not that of time, do messages follow each other.</summary>
    private static readonly (string Event, string Role)[] MessageEvents =
    [
        ("gen_ai.system.message", "system"),
        ("gen_ai.user.message", "user"),
        ("gen_ai.assistant.message", "assistant"),
        ("gen_ai.tool.message", "tool"),
    ];

    private readonly AttributeName[] _systems = names.Of("system.name", "service.name");
    private readonly AttributeName[] _contents = names.Of("content", "gen_ai.content", "message", "text", "gen_ai.prompt.content");
    private readonly AttributeName _role = names.Of("role");
    private readonly AttributeName _finishReason = names.Of("finish_reason");

    public void Canonicalise(CanonicalSpan span)
    {
        if (!IsStrands(span)) return;
        foreach (var (operation, type) in Operations)
        {
            if (span.Is(names.Operation, operation)) span.Set(names.SpanType, type);
        }

        if (!span.Has(names.InputMessages)) TakeInput(span);
        Messages.TakeOutputEvents(span, names, "gen_ai.choice", ReadChoice);
    }

    private bool IsStrands(CanonicalSpan span) =>
        span.IsScope("strands.telemetry.tracer") || span.IsScope("opentelemetry.instrumentation.strands")
        || Array.Exists(_systems, name => span.Is(name, "strands-agents"));

    private void TakeInput(CanonicalSpan span)
    {
        List<EcmaScriptValue>? messages = null;
        foreach (var (name, role) in MessageEvents)
        {
            foreach (var happened in span.Events)
            {
                if (happened.IsConsumed || !span.Is(happened.Name, name)) continue;
                happened.IsConsumed = true;
                if (!span.Wants(CanonicalParts.Input) || !TryReadContent(span, happened.Attributes, out var content)) continue;
                (messages ??= []).Add(EcmaScriptValue.From(Messages.Of(role, content)));
            }
        }

        if (messages is not null) span.Set(names.InputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
    }

    private EcmaScriptRecord? ReadChoice(CanonicalSpan span, AttributeTable attributes)
    {
        if (!TryReadContent(span, attributes, out var content)) return null;
        var message = new EcmaScriptRecord();
        message.Set("role", attributes.TryGet(_role, out var role) ? span.Value(role) : EcmaScriptValue.From("assistant"));
        message.Set("content", content);
        if (attributes.TryGet(_finishReason, out var reason)) message.Set("finish_reason", span.Value(reason));
        return message;
    }

    private bool TryReadContent(CanonicalSpan span, AttributeTable attributes, out EcmaScriptValue content)
    {
        foreach (var name in _contents)
        {
            if (!attributes.TryGet(name, out var value)) continue;
            content = span.Parsed(value);
            switch (content.Kind)
            {
                case EcmaScriptKind.Text when !EcmaScriptText.IsBlank(content.Text):
                case EcmaScriptKind.List when content.List.Count > 0:
                    return true;
                case EcmaScriptKind.Record:
                    var record = content.Record;
                    if (record.TryGet("text", out content) && content is { Kind: EcmaScriptKind.Text, Text.Length: > 0 }) return true;
                    if (record.TryGet("content", out content)) return true;
                    break;
            }
        }

        content = default;
        return false;
    }
}

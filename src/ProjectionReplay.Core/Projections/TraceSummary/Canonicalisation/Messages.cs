using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>What models are told and answer: the lists of messages, and the ways that instrumentations write them.</summary>
internal static class Messages
{
    /// <summary>Takes messages to the model from the first of some attributes that the span has, unless it has them already.</summary>
    /// <returns>Whether there was one.</returns>
    public static bool TakeInput(CanonicalSpan span, AttributeNames names, ReadOnlySpan<AttributeName> candidates)
    {
        if (span.Has(names.InputMessages) || !span.TryTake(out var value, candidates)) return false;
        if (!span.Wants(CanonicalParts.Input | CanonicalParts.Details)) return true;
        var messages = Of(span, value, "user");
        span.Set(names.InputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
        SetInstruction(span, names, messages);
        return true;
    }

    /// <summary>Takes the model's answer from the first of some attributes that says anything, unless the span has it already.</summary>
    public static void TakeOutput(CanonicalSpan span, AttributeNames names, ReadOnlySpan<AttributeName> candidates)
    {
        if (span.Has(names.OutputMessages)) return;
        foreach (var name in candidates)
        {
            if (!span.TryTake(out var value, name)) continue;
            if (!span.Wants(CanonicalParts.Output)) return;
            if (Of(span, value, "assistant") is not { Count: > 0 } messages) continue;
            span.Set(names.OutputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
            return;
        }
    }

    /// <summary>Makes the model's answer of all events of a name, unless the span has it already. The events are consumed.</summary>
    /// <param name="span">The span.</param>
    /// <param name="names">The names.</param>
    /// <param name="eventName">The name of the events.</param>
    /// <param name="read">Makes a message of an event, or null.</param>
    public static void TakeOutputEvents(
        CanonicalSpan span, AttributeNames names, string eventName, Func<CanonicalSpan, AttributeTable, EcmaScriptRecord?> read)
    {
        if (span.Has(names.OutputMessages)) return;
        List<EcmaScriptValue>? messages = null;
        foreach (var happened in span.Events)
        {
            if (happened.IsConsumed || !span.Is(happened.Name, eventName)) continue;
            happened.IsConsumed = true;
            if (!span.Wants(CanonicalParts.Output) || read(span, happened.Attributes) is not { } message) continue;
            (messages ??= []).Add(EcmaScriptValue.From(message));
        }

        if (messages is not null) span.Set(names.OutputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
    }

    /// <summary>Sets what the system told the model, as its first message has it.</summary>
    public static void SetInstruction(CanonicalSpan span, AttributeNames names, List<EcmaScriptValue> messages)
    {
        if (span.Wants(CanonicalParts.Details) && InstructionOf(messages) is { } text)
        {
            span.SetIfAbsent(names.SystemInstruction, AttributeValue.From(text));
        }
    }

    /// <summary>A message.</summary>
    public static EcmaScriptRecord Of(string role, EcmaScriptValue content)
    {
        var message = new EcmaScriptRecord();
        message.Set("role", EcmaScriptValue.From(role));
        message.Set("content", content);
        return message;
    }

    /// <summary>Messages out of the envelopes <c>{"message": …}</c> that some put around each.</summary>
    public static List<EcmaScriptValue> Unwrap(List<EcmaScriptValue> messages) => messages.Exists(IsWrapped)
        ? messages.ConvertAll(message => IsWrapped(message) ? message.Record[0].Value : message)
        : messages;

    private static bool IsWrapped(EcmaScriptValue message) =>
        message.Kind == EcmaScriptKind.Record && message.Record.Count == 1
        && message.Record[0] is { Key: "message", Value.Kind: EcmaScriptKind.Record };

    /// <summary>The messages that an attribute holds; a single one of the given role when it is none of the known forms.</summary>
    private static List<EcmaScriptValue> Of(CanonicalSpan span, in AttributeValue attribute, string role)
    {
        var value = span.Parsed(attribute);
        if (value.Kind == EcmaScriptKind.Record && value.Record.TryGet("messages", out var inner) && inner.Kind == EcmaScriptKind.List)
        {
            value = inner;
        }

        return value.Kind == EcmaScriptKind.List ? Unwrap(value.List) : [EcmaScriptValue.From(Of(role, value))];
    }

    /// <summary>The text of the first message, if that is the system's.</summary>
    public static string? InstructionOf(List<EcmaScriptValue> messages)
    {
        if (messages is not [{ Kind: EcmaScriptKind.Record } first, ..]) return null;
        if (!first.Record.TryGet("role", out var role) || role is not { Kind: EcmaScriptKind.Text, Text: "system" }) return null;
        if (!first.Record.TryGet("content", out var content) || content.Kind == EcmaScriptKind.Null)
        {
            first.Record.TryGet("parts", out content);
        }

        return content.Kind switch
        {
            EcmaScriptKind.Text => content.Text,
            EcmaScriptKind.List when string.Concat(content.List.Select(TextOfPart)) is { Length: > 0 } text => text,
            _ => null,
        };
    }

    private static string? TextOfPart(EcmaScriptValue part)
    {
        if (part.Kind != EcmaScriptKind.Record) return null;
        if (part.Record.TryGet("text", out var text) && text.Kind == EcmaScriptKind.Text) return text.Text;
        return part.Record.TryGet("content", out var content) && content.Kind == EcmaScriptKind.Text ? content.Text : null;
    }
}

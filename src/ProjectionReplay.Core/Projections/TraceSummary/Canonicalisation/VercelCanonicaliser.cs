using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>The AI SDK of Vercel, which names its spans after its functions.</summary>
internal sealed class VercelCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private static readonly (string Name, string Type)[] Functions =
    [
        ("ai.generateText", SpanTypes.Llm),
        ("ai.streamText", SpanTypes.Llm),
        ("ai.generateObject", SpanTypes.Llm),
        ("ai.streamObject", SpanTypes.Llm),
        ("ai.generateText.doGenerate", SpanTypes.Llm),
        ("ai.streamText.doStream", SpanTypes.Llm),
        ("ai.generateObject.doGenerate", SpanTypes.Llm),
        ("ai.streamObject.doStream", SpanTypes.Llm),
        ("ai.toolCall", SpanTypes.Tool),
        ("ai.embed", SpanTypes.Component),
        ("ai.embedMany", SpanTypes.Component),
        ("ai.embed.doEmbed", SpanTypes.Component),
        ("ai.embedMany.doEmbed", SpanTypes.Component),
    ];

    private readonly AttributeName _model = names.Of("ai.model");
    private readonly AttributeName _usage = names.Of("ai.usage");
    private readonly AttributeName _promptMessages = names.Of("ai.prompt.messages");
    private readonly AttributeName _prompt = names.Of("ai.prompt");
    private readonly AttributeName _response = names.Of("ai.response");
    private readonly AttributeName _responseText = names.Of("ai.response.text");

    public void Canonicalise(CanonicalSpan span)
    {
        if (!span.IsScope("ai")) return;
        SetType(span);
        if (span.Has(names.RequestModel) || span.Has(names.ResponseModel)) span.TryTake(out _, _model);
        else ModelNames.Take(span, names, _model, ReadModel);
        TakeUsage(span);
        TakePrompt(span);
        TakeResponse(span);
    }

    private void SetType(CanonicalSpan span)
    {
        foreach (var (name, type) in Functions)
        {
            if (!span.IsNamed(name)) continue;
            span.Set(names.SpanType, type);
            return;
        }
    }

    private static AttributeValue ReadModel(CanonicalSpan span, AttributeValue attribute)
    {
        if (!span.TryParseContainer(attribute, out var model) || model.Kind != EcmaScriptKind.Record) return default;
        if (!model.Record.TryGet("id", out var id) || id.Kind != EcmaScriptKind.Text || EcmaScriptText.IsBlank(id.Text)) return default;
        if (!model.Record.TryGet("provider", out var provider)
            || provider.Kind != EcmaScriptKind.Text
            || EcmaScriptText.IsBlank(provider.Text))
        {
            return AttributeValue.From(id.Text);
        }

        var vendor = provider.Text.Split('.')[0];
        return AttributeValue.From(vendor.Length == 0 ? id.Text : $"{vendor}/{id.Text}");
    }

    private void TakeUsage(CanonicalSpan span)
    {
        if (!span.TryTake(out var attribute, _usage)
            || !span.TryParseContainer(attribute, out var usage)
            || usage.Kind != EcmaScriptKind.Record)
        {
            return;
        }

        if (usage.Record.TryGet("promptTokens", out var prompt) && CanonicalSpan.NumberOf(prompt) is { } input)
        {
            span.Set(names.InputTokens, AttributeValue.From(input));
        }

        if (usage.Record.TryGet("completionTokens", out var completion) && CanonicalSpan.NumberOf(completion) is { } output)
        {
            span.Set(names.OutputTokens, AttributeValue.From(output));
        }
    }

    private void TakePrompt(CanonicalSpan span)
    {
        if (span.Has(names.InputMessages))
        {
            span.TryTake(out _, _promptMessages);
            span.TryTake(out _, _prompt);
            return;
        }

        if (!span.TryTake(out var attribute, _promptMessages, _prompt) || !span.Wants(CanonicalParts.Input)) return;
        var prompt = span.Parsed(attribute);
        span.Set(names.InputMessages, AttributeValue.From(
            prompt.Kind is EcmaScriptKind.Record or EcmaScriptKind.List
                ? prompt
                : EcmaScriptValue.From([EcmaScriptValue.From(Messages.Of("user", prompt))])));
    }

    private void TakeResponse(CanonicalSpan span)
    {
        if (span.Has(names.OutputMessages))
        {
            span.TryTake(out _, _response);
            return;
        }

        if (!span.TryTake(out var attribute, _response, _responseText) || !span.Wants(CanonicalParts.Output)) return;
        var response = span.Parsed(attribute);
        var messages = response.Kind switch
        {
            EcmaScriptKind.Text => [EcmaScriptValue.From(Messages.Of("assistant", response))],
            EcmaScriptKind.Record => MessagesOf(response.Record),
            _ => [],
        };
        if (messages.Count > 0) span.Set(names.OutputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
    }

    private static List<EcmaScriptValue> MessagesOf(EcmaScriptRecord response)
    {
        var messages = new List<EcmaScriptValue>();
        if (response.TryGet("text", out var text) && text is { Kind: EcmaScriptKind.Text, Text.Length: > 0 })
        {
            messages.Add(EcmaScriptValue.From(Messages.Of("assistant", text)));
        }

        if (response.TryGet("toolCalls", out var calls) && calls.Kind == EcmaScriptKind.List)
        {
            var message = new EcmaScriptRecord();
            message.Set("tool_calls", calls);
            messages.Add(EcmaScriptValue.From(message));
        }

        return messages;
    }
}

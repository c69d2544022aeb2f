using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>LangWatch's own SDKs, in all their versions.</summary>
internal sealed class LangWatchCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private const string ChatMessages = "chat_messages";

    private readonly AttributeName[] _threads =
        names.Of("langwatch.thread.id", "langwatch.thread_id", "thread_id", "langwatch.langgraph.thread_id");
    private readonly AttributeName[] _users = names.Of("langwatch.user.id", "langwatch.user_id", "user_id");
    private readonly AttributeName[] _customers = names.Of("langwatch.customer.id", "langwatch.customer_id", "customer_id");
    private readonly AttributeName[] _contexts = names.Of("langwatch.rag.contexts", "langwatch.rag_contexts");
    private readonly AttributeName[] _labels = names.Of("langwatch.labels", "langwatch.tags");
    private readonly AttributeName _metadata = names.Of("metadata");
    private readonly AttributeName _parameters = names.Of("langwatch.params");
    private readonly AttributeName _metrics = names.Of("langwatch.metrics");
    private readonly AttributeName _cost = names.Of("langwatch.span.cost");
    private readonly AttributeName _estimated = names.Of("langwatch.tokens.estimated");

    public void Canonicalise(CanonicalSpan span)
    {
        if (span.TryGet(out var type, names.SpanType) && SpanTypes.Find(span, type) is not null) span.Set(names.SpanType, type);
        if (span.TryTake(out var thread, _threads) && SpanPayload.IsFilled(thread)) span.Set(names.Conversation, thread);
        if (span.TryTake(out var user, _users)) span.Set(names.User, user);
        if (span.TryTake(out var customer, _customers)) span.Set(names.Customer, customer);
        if (span.TryTake(out var contexts, _contexts)) span.Set(names.RagContexts, contexts);
        if (span.TryTake(out var labels, _labels)) span.Set(names.Labels, labels);
        ReadMetadata(span);
        if (span.TryTake(out var parameters, _parameters)) span.Set(_parameters, parameters);
        TakeInput(span);
        TakeOutput(span);
        TakeMetrics(span);
    }

    private void ReadMetadata(CanonicalSpan span)
    {
        if (!span.TryGet(out var attribute, _metadata)
            || !span.TryParseContainer(attribute, out var metadata)
            || metadata.Kind != EcmaScriptKind.Record)
        {
            return;
        }

        if (metadata.Record.TryGet("labels", out var labels) && labels.Kind == EcmaScriptKind.List)
        {
            span.SetIfAbsent(names.Labels, AttributeValue.JsonOf(labels));
        }

        SetIdentity(names.User, "user_id", "userId");
        SetIdentity(names.Conversation, "thread_id", "threadId");
        SetIdentity(names.Customer, "customer_id", "customerId");

        void SetIdentity(AttributeName name, string key, string otherKey)
        {
            if (!metadata.Record.TryGet(key, out var id) || id.Kind == EcmaScriptKind.Null) metadata.Record.TryGet(otherKey, out id);
            if (id is { Kind: EcmaScriptKind.Text, Text.Length: > 0 }) span.SetIfAbsent(name, AttributeValue.From(id.Text));
        }
    }

    private void TakeInput(CanonicalSpan span)
    {
        if (!span.TryTake(out var raw, names.Input)) return;

        // Whether a judge has any output hangs on whether its input is a chat.
        var isWanted = span.Wants(CanonicalParts.Input | CanonicalParts.Details)
            || (span.Wants(CanonicalParts.Output) && SpanTypes.IsJudge(span, names));
        if (!isWanted) return;
        if (!span.TryParseContainer(raw, out var input))
        {
            span.Set(names.Input, raw);
        }
        else if (IsTyped(input, out var type, out var value))
        {
            if (type == ChatMessages && value.Kind == EcmaScriptKind.List) SetChat(span, value.List);
            span.Set(names.Input, raw);
        }
        else
        {
            span.Set(names.Input, AttributeValue.From(input is { Kind: EcmaScriptKind.List, List: [var only] } ? only : input));
        }
    }

    private void SetChat(CanonicalSpan span, List<EcmaScriptValue> value)
    {
        var messages = Messages.Unwrap(value);
        span.Set(names.InputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
        Messages.SetInstruction(span, names, messages);
        span.Set(names.SpanType, SpanTypes.Llm);
    }

    private void TakeOutput(CanonicalSpan span)
    {
        if (!span.TryTake(out var raw, names.Output) || !span.Wants(CanonicalParts.Output)) return;
        if (!span.TryParseContainer(raw, out var output))
        {
            span.Set(names.Output, raw);
        }
        else if (!IsTyped(output, out var type, out var value))
        {
            span.Set(names.Output, AttributeValue.From(output is { Kind: EcmaScriptKind.List, List: [var only] } ? only : output));
        }
        else if (type == ChatMessages && value.Kind == EcmaScriptKind.List)
        {
            var messages = Messages.Unwrap(value.List);
            if (messages.Count == 0) return;
            span.Set(names.OutputMessages, AttributeValue.From(EcmaScriptValue.From(messages)));
            span.Set(names.Output, AttributeValue.From(EcmaScriptValue.From(messages)));
        }
        else
        {
            if (type == "json" && value.Kind == EcmaScriptKind.List)
            {
                var content = string.Join(
                    '\n', value.List.Select(item => item.Kind == EcmaScriptKind.Text ? item.Text : EcmaScriptJson.Stringify(item)));
                var answer = EcmaScriptValue.From(Messages.Of("assistant", EcmaScriptValue.From(content)));
                span.Set(names.OutputMessages, AttributeValue.From(EcmaScriptValue.From([answer])));
            }

            span.Set(names.Output, raw);
        }
    }

    private void TakeMetrics(CanonicalSpan span)
    {
        if (!span.TryTake(out var raw, _metrics) || !span.TryParseContainer(raw, out var metrics)) return;
        if (!IsTyped(metrics, out _, out var value) || value.Kind != EcmaScriptKind.Record) return;
        SetPositive(names.InputTokens, "promptTokens");
        SetPositive(names.OutputTokens, "completionTokens");
        SetPositive(_cost, "cost");
        if (value.Record.TryGet("tokensEstimated", out var estimated) && estimated is { Kind: EcmaScriptKind.Boolean, Boolean: true })
        {
            span.Set(_estimated, AttributeValue.From(true));
        }

        void SetPositive(AttributeName name, string key)
        {
            if (value.Record.TryGet(key, out var number) && number is { Kind: EcmaScriptKind.Number, Number: > 0 })
            {
                span.SetIfAbsent(name, AttributeValue.From(number.Number));
            }
        }
    }

    /// <summary>Whether a value is of the form <c>{"type": …, "value": …}</c>.</summary>
    private static bool IsTyped(EcmaScriptValue json, out string type, out EcmaScriptValue value)
    {
        (type, value) = ("", default);
        if (json.Kind != EcmaScriptKind.Record) return false;
        if (!json.Record.TryGet("type", out var name) || name.Kind != EcmaScriptKind.Text || !json.Record.TryGet("value", out value))
        {
            return false;
        }

        type = name.Text;
        return true;
    }
}

using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>OpenTelemetry's conventions for generative AI, older versions of them, and what comes close.</summary>
internal sealed class GenAiCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private static readonly string[] Parameters = ["temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "seed"];

    private readonly AttributeName _type = names.Of("type");
    private readonly AttributeName _system = names.Of("gen_ai.system");
    private readonly AttributeName _provider = names.Of("gen_ai.provider.name");
    private readonly AttributeName[] _agents = names.Of("gen_ai.agent.name", "gen_ai.agent", "agent.name");
    private readonly AttributeName _modelName = names.Of("llm.model_name");
    private readonly AttributeName[] _inputs = names.Of("gen_ai.prompt", "llm.input_messages");
    private readonly AttributeName[] _outputs = names.Of("gen_ai.completion", "llm.output_messages");
    private readonly AttributeName _promptTokens = names.Of("gen_ai.usage.prompt_tokens");
    private readonly AttributeName _completionTokens = names.Of("gen_ai.usage.completion_tokens");
    private readonly AttributeName _invocation = names.Of("llm.invocation_parameters");
    private readonly AttributeName[] _parameters = names.Of(Array.ConvertAll(Parameters, parameter => "gen_ai.request." + parameter));
    private readonly AttributeName _choices = names.Of("gen_ai.request.choice.count");
    private readonly AttributeName _stops = names.Of("gen_ai.request.stop_sequences");

    public void Canonicalise(CanonicalSpan span)
    {
        InferOperation(span);
        if (span.TryTake(out var provider, _system) && SpanPayload.IsFilled(provider)) span.Set(_provider, provider);
        if (span.TryTake(out var agent, _agents) && SpanPayload.IsFilled(agent)) span.Set(_agents[0], agent);
        ModelNames.Take(span, names, _modelName, static (_, value) => value.Kind == AttributeKind.Text ? value : default);
        if (!Messages.TakeInput(span, names, _inputs)) ReadInstruction(span);
        Messages.TakeOutput(span, names, _outputs);
        TakeTokens(span, names.InputTokens, _promptTokens);
        TakeTokens(span, names.OutputTokens, _completionTokens);
        TakeParameters(span);
    }

    private void InferOperation(CanonicalSpan span)
    {
        if (span.Has(names.Operation) || !span.TryGet(out var type, names.SpanType, _type)) return;
        if (span.Is(type, SpanTypes.Llm)) span.Set(names.Operation, "chat");
        else if (span.Is(type, SpanTypes.Tool)) span.Set(names.Operation, "tool");
        else if (span.Is(type, SpanTypes.Agent)) span.Set(names.Operation, "agent");
        else if (span.Is(type, SpanTypes.Rag)) span.Set(names.Operation, "retrieval");
    }

    private void ReadInstruction(CanonicalSpan span)
    {
        if (!span.Wants(CanonicalParts.Details) || span.Has(names.SystemInstruction) || !span.TryGet(out var messages, names.InputMessages))
        {
            return;
        }

        var value = span.Parsed(messages);
        if (value.Kind == EcmaScriptKind.List && Messages.InstructionOf(value.List) is { } text) span.Set(names.SystemInstruction, text);
    }

    private static void TakeTokens(CanonicalSpan span, AttributeName name, AttributeName older)
    {
        if (!TryTakeNumber(span, name, out var count) && !TryTakeNumber(span, older, out count)) return;
        span.Set(name, AttributeValue.From(count));
    }

    private static bool TryTakeNumber(CanonicalSpan span, AttributeName name, out double number)
    {
        number = 0;
        if (!span.TryTake(out var value, name) || span.NumberOf(value) is not { } found) return false;
        number = found;
        return true;
    }

    private void TakeParameters(CanonicalSpan span)
    {
        if (!span.TryTake(out var invocation, _invocation) || !span.Wants(CanonicalParts.Details)) return;
        if (!span.TryParseContainer(invocation, out var json) || json.Kind != EcmaScriptKind.Record) return;
        foreach (var (parameter, name) in Parameters.Zip(_parameters))
        {
            if (json.Record.TryGet(parameter, out var value) && CanonicalSpan.NumberOf(value) is { } number)
            {
                span.Set(name, AttributeValue.From(number));
            }
        }

        if (json.Record.TryGet("n", out var n) && CanonicalSpan.NumberOf(n) is { } count && count != 1)
        {
            span.Set(_choices, AttributeValue.From(count));
        }

        if (json.Record.TryGet("stop", out var stop) && stop.Kind != EcmaScriptKind.Null) SetStops(span, stop);
    }

    private void SetStops(CanonicalSpan span, EcmaScriptValue stop)
    {
        List<EcmaScriptValue> stops = stop.Kind == EcmaScriptKind.List ? stop.List : [stop];
        var texts = stops.ConvertAll(EcmaScriptJson.ToText).FindAll(text => text.Length > 0);
        if (texts.Count > 0) span.Set(_stops, AttributeValue.From(EcmaScriptValue.From(texts.ConvertAll(EcmaScriptValue.From))));
    }
}

using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>What went into a span and what came out of it, as the summary tells it.</summary>
internal sealed class SpanMessages(AttributeNames names)
{
    /// <summary>Whether the span judges others, whose input and output are not the trace's.</summary>
    public bool IsJudging(CanonicalSpan span) =>
        span.TryGetFinal(names.SpanType, out var type) && (span.Is(type, SpanTypes.Evaluation) || span.Is(type, SpanTypes.Guardrail));

    /// <summary>What went in, or null when nothing says so.</summary>
    public string? Input(TraceSpan source, CanonicalSpan span) => TextOf(source, span, names.InputMessages, names.Input);

    /// <summary>What came out, or null when nothing says so.</summary>
    public string? Output(TraceSpan source, CanonicalSpan span) => TextOf(source, span, names.OutputMessages, names.Output);

    private static string? TextOf(TraceSpan source, CanonicalSpan span, AttributeName messages, AttributeName langwatch)
    {
        if (span.TryGetFinal(messages, out var value))
        {
            var isJson = TryRead(source, value, out var json);
            if (isJson ? MessageText.SaysAnything(json) : SpanPayload.IsFilled(value)) return Write(source, value, isJson, json);
        }

        if (span.TryGetFinal(langwatch, out value))
        {
            var isJson = TryRead(source, value, out var json);
            if (value.Kind == AttributeKind.Text ? SpanPayload.IsFilled(value) : MessageText.SaysAnything(json))
            {
                return Write(source, value, isJson, json);
            }
        }

        return null;
    }

    /// <summary>Reads an attribute as the JSON it is, or the value it has. False for text that is not JSON.</summary>
    private static bool TryRead(TraceSpan source, in AttributeValue value, out EcmaScriptValue json)
    {
        if (value.Kind == AttributeKind.Text) return source.Payload.TryParse(value, out json);
        json = source.Payload.Value(value);
        return true;
    }

    private static string Write(TraceSpan source, in AttributeValue value, bool isJson, EcmaScriptValue json)
    {
        if (!isJson) return source.Payload.Text(value);
        return json.Kind == EcmaScriptKind.Text ? json.Text : EcmaScriptJson.Stringify(json);
    }
}

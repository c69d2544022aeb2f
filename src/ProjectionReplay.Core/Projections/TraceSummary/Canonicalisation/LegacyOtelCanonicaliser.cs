using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>OpenTelemetry before there were conventions for generative AI.</summary>
internal sealed class LegacyOtelCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private static readonly (string Kind, string Type)[] Kinds =
    [
        ("SERVER", SpanTypes.Server),
        ("CLIENT", SpanTypes.Client),
        ("PRODUCER", SpanTypes.Producer),
        ("CONSUMER", SpanTypes.Consumer),
    ];

    private readonly AttributeName[] _types = names.Of("type", "langwatch.type");
    private readonly AttributeName[] _kinds = names.Of("span.kind", "otel.span.kind", "incomingSpan.kind");
    private readonly AttributeName _requestType = names.Of("llm.request.type");
    private readonly AttributeName _operation = names.Of("operation.name");
    private readonly AttributeName _toolName = names.Of("ai.toolCall.name");
    private readonly AttributeName[] _inputs = names.Of("input.value", "input");
    private readonly AttributeName[] _outputs = names.Of("output.value", "output");
    private readonly AttributeName _toolArguments = names.Of("ai.toolCall.args");
    private readonly AttributeName _errorType = names.Of("error.type");
    private readonly AttributeName[] _errorFlags = names.Of("span.error.has_error", "error.has_error");
    private readonly AttributeName[] _errorMessages = names.Of("span.error.message", "error.message");
    private readonly AttributeName _exceptionType = names.Of("exception.type");
    private readonly AttributeName _exceptionMessage = names.Of("exception.message");
    private readonly AttributeName _statusMessage = names.Of("status.message");

    public void Canonicalise(CanonicalSpan span)
    {
        if (!span.Has(names.SpanType)) SetType(span);
        if (span.TryTake(out var input, _inputs) && span.Wants(CanonicalParts.Input)) span.SetIfAbsent(names.Input, Parsed(span, input));
        if (span.TryTake(out var output, _outputs) && span.Wants(CanonicalParts.Output))
        {
            span.SetIfAbsent(names.Output, Parsed(span, output));
        }

        if (span.TryTake(out var arguments, _toolArguments) && span.Wants(CanonicalParts.Input))
        {
            span.SetIfAbsent(names.Input, Parsed(span, arguments));
        }

        if (span.Wants(CanonicalParts.Details)) SetErrorType(span);
    }

    private void SetType(CanonicalSpan span)
    {
        if (span.TryTake(out var claimed, _types) && SpanTypes.Find(span, claimed) is { } known) span.Set(names.SpanType, known);
        if (span.TryGet(out var kind, _kinds) && kind.Kind == AttributeKind.Text)
        {
            var text = span.Text(kind);
            foreach (var (part, type) in Kinds)
            {
                if (text.Contains(part, StringComparison.Ordinal)) span.SetIfAbsent(names.SpanType, AttributeValue.From(type));
            }
        }

        if (span.TryTake(out var request, _requestType) && (span.Is(request, "chat") || span.Is(request, "completion")))
        {
            span.InferType(SpanTypes.Llm);
        }

        if (span.Is(_operation, "ai.toolCall") || span.Has(_toolName))
        {
            span.SetIfAbsent(names.SpanType, AttributeValue.From(SpanTypes.Tool));
        }
    }

    private void SetErrorType(CanonicalSpan span)
    {
        if (span.Has(_errorType)) return;
        if (span.TryGet(out var flag, _errorFlags) && flag is { Kind: AttributeKind.Boolean, Boolean: true }
            && span.TryGet(out var message, _errorMessages) && span.IsNotBlank(message))
        {
            span.SetIfAbsent(_errorType, message);
        }
        else if (span.TryGet(out var type, _exceptionType) && span.IsNotBlank(type)
            && span.TryGet(out var exception, _exceptionMessage) && span.IsNotBlank(exception))
        {
            span.SetIfAbsent(_errorType, AttributeValue.From($"{span.Text(type)}: {span.Text(exception)}"));
        }
        else if (span.TryGet(out var status, _statusMessage) && span.IsNotBlank(status))
        {
            span.SetIfAbsent(_errorType, status);
        }
    }

    private static AttributeValue Parsed(CanonicalSpan span, in AttributeValue value) =>
        span.TryParseContainer(value, out var json) ? AttributeValue.From(json) : value;
}

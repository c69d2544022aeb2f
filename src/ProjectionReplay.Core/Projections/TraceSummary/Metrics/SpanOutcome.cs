using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>How a span ended.</summary>
/// <param name="IsOk">Whether it says that all went well.</param>
/// <param name="IsError">Whether it failed. Both may be true.</param>
/// <param name="Message">What it says of the failure; may be empty.</param>
internal readonly record struct Outcome(bool IsOk, bool IsError, string? Message);

/// <summary>Finds out how spans ended: by status, attributes and exceptions, whichever says something first.</summary>
internal sealed class SpanOutcome(AttributeNames names)
{
    private readonly AttributeName _exceptionMessage = names.Of("exception.message");
    private readonly AttributeName[] _messages = names.Of("error.message", "exception.message");
    private readonly AttributeName[] _flags = names.Of("error.has_error", "span.error.has_error");

    public Outcome Of(TraceSpan source, CanonicalSpan span)
    {
        var isError = source.Status == SpanStatus.Error;
        var message = isError && SpanPayload.IsFilled(source.StatusMessage) ? span.Text(source.StatusMessage) : null;
        if (message is null && span.TryGetFinal(out var text, _messages) && text.Kind == AttributeKind.Text)
        {
            // Empty text is a message too, and makes an error.
            message = span.Text(text);
            isError = true;
        }

        if (!isError && span.TryGetFinal(out var flag, _flags))
        {
            isError = flag is { Kind: AttributeKind.Boolean, Boolean: true } || span.Is(flag, "true");
        }

        if (string.IsNullOrEmpty(message) && FindException(span) is { } exception)
        {
            isError = true;
            if (exception.Attributes.TryGet(_exceptionMessage, out var thrown) && thrown.Kind == AttributeKind.Text)
            {
                message = span.Text(thrown);
            }
        }

        return new Outcome(source.Status == SpanStatus.Ok, isError, message);
    }

    private static SpanEvent? FindException(CanonicalSpan span)
    {
        foreach (var happened in span.Events)
        {
            if (!happened.IsConsumed && span.Is(happened.Name, "exception")) return happened;
        }

        return null;
    }
}

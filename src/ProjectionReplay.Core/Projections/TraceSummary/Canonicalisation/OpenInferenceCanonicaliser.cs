using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>OpenInference, the conventions of Arize.</summary>
internal sealed class OpenInferenceCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private readonly AttributeName _kind = names.Of("openinference.span.kind");
    private readonly AttributeName _user = names.Of("user.id");
    private readonly AttributeName _session = names.Of("session.id");
    private readonly AttributeName _tags = names.Of("tag.tags");

    public void Canonicalise(CanonicalSpan span)
    {
        var isTyped = span.TryGet(out var type, names.SpanType) && SpanTypes.Find(span, type) is not null;
        if (!isTyped && span.TryTake(out var kind, _kind) && SpanTypes.Find(span, kind, ignoreCase: true) is { } known)
        {
            span.Set(names.SpanType, known);
        }

        if (span.TryTake(out var user, _user) && SpanPayload.IsFilled(user)) span.SetIfAbsent(names.User, user);
        if (span.TryTake(out var session, _session) && SpanPayload.IsFilled(session)) span.SetIfAbsent(names.Conversation, session);
        if (span.TryTake(out var tags, _tags)) span.SetIfAbsent(names.Labels, AsText(tags));
    }

    private static AttributeValue AsText(in AttributeValue tags) => tags.Kind switch
    {
        AttributeKind.Number => AttributeValue.From(EcmaScriptJson.Stringify(EcmaScriptValue.From(tags.Number))),
        AttributeKind.Boolean => AttributeValue.From(tags.Boolean ? "true" : "false"),
        AttributeKind.List => AttributeValue.JsonOf(EcmaScriptValue.From(tags.List)),
        _ => tags,
    };
}

using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

/// <summary>Haystack, whose spans carry the documents that were found.</summary>
internal sealed class HaystackCanonicaliser(AttributeNames names) : ICanonicaliser
{
    private readonly AttributeName _documents = names.Of("retrieval.documents");

    public void Canonicalise(CanonicalSpan span)
    {
        if (!span.IsScope("openinference.instrumentation.haystack")) return;
        if (!span.TryGet(out var attribute, _documents)) return;
        var documents = span.Parsed(attribute);
        if (documents.Kind != EcmaScriptKind.List) return;
        var contexts = documents.List.ConvertAll(ReadContext).FindAll(context => context.Kind == EcmaScriptKind.Record);
        if (contexts.Count == 0) return;
        span.Set(names.RagContexts, AttributeValue.From(EcmaScriptValue.From(contexts)));
        span.InferType(SpanTypes.Rag);
    }

    private static EcmaScriptValue ReadContext(EcmaScriptValue found)
    {
        if (found.Kind != EcmaScriptKind.Record
            || !found.Record.TryGet("document", out var document)
            || document.Kind != EcmaScriptKind.Record)
        {
            return default;
        }

        if (!document.Record.TryGet("content", out var content) || content is not { Kind: EcmaScriptKind.Text, Text.Length: > 0 })
        {
            return default;
        }

        var context = new EcmaScriptRecord();
        if (document.Record.TryGet("id", out var id) && id is { Kind: EcmaScriptKind.Text, Text.Length: > 0 })
        {
            context.Set("document_id", id);
        }

        context.Set("content", content);
        return EcmaScriptValue.From(context);
    }
}

using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>What a span says about its whole trace: who, in which conversation, with which labels and metadata.</summary>
internal sealed class ContributedAttributes(AttributeNames names)
{
    private const string ConversationKey = "gen_ai.conversation.id";
    private const string UserKey = "langwatch.user_id";
    private const string CustomerKey = "langwatch.customer_id";
    private const string LabelsKey = "langwatch.labels";

    private readonly AttributeName[] _threads =
        names.Of("gen_ai.conversation.id", "langwatch.thread.id", "langwatch.thread_id", "thread_id");
    private readonly AttributeName[] _users = names.Of("langwatch.user.id", "langwatch.user_id", "user_id");
    private readonly AttributeName[] _customers = names.Of("langwatch.customer.id", "langwatch.customer_id", "customer_id");
    private readonly AttributeName _graphThread = names.Of("langwatch.langgraph.thread_id");
    private readonly AttributeName _metadataLabels = names.Of("metadata.labels");
    private readonly AttributeName _metadata = names.Of("metadata");

    /// <summary>Gathers what the span says; later sources replace earlier ones, which keep their place.</summary>
    /// <param name="source">The span as sent.</param>
    /// <param name="span">The canonical span.</param>
    /// <param name="found">Filled, in place of what it held.</param>
    public void Gather(TraceSpan source, CanonicalSpan span, OrderedDictionary<string, AttributeValue> found)
    {
        found.Clear();
        foreach (var (key, value) in source.Resource.Attributes) found[key] = AttributeValue.From(value);
        if (span.TryGetFinal(out var thread, _threads) && thread.Kind == AttributeKind.Text) found[ConversationKey] = thread;
        if (span.TryGetFinal(out var user, _users) && user.Kind == AttributeKind.Text) found[UserKey] = user;
        if (span.TryGetFinal(out var customer, _customers) && customer.Kind == AttributeKind.Text) found[CustomerKey] = customer;
        if (span.TryGetFinal(_graphThread, out var graphThread) && graphThread.Kind == AttributeKind.Text)
        {
            found["langgraph.thread_id"] = graphThread;
        }

        if (span.TryGetFinal(names.Labels, out var labels) && labels.Kind == AttributeKind.Text) found[LabelsKey] = labels;
        if (span.TryGetFinal(_metadataLabels, out labels) && labels.Kind == AttributeKind.Text && !HasLabels(found))
        {
            found[LabelsKey] = labels;
        }

        if (span.TryGetFinal(_metadata, out var metadata) && metadata.Kind == AttributeKind.Text
            && source.Payload.TryParse(metadata, out var json) && json.Kind == EcmaScriptKind.Record)
        {
            GatherMetadata(json.Record, found);
        }
    }

    private static void GatherMetadata(EcmaScriptRecord metadata, OrderedDictionary<string, AttributeValue> found)
    {
        if (metadata.TryGet("labels", out var labels) && labels.Kind == EcmaScriptKind.List && !HasLabels(found))
        {
            found[LabelsKey] = AttributeValue.JsonOf(labels);
        }

        foreach (var (key, value) in metadata)
        {
            if (key == "labels" || value.Kind == EcmaScriptKind.Null) continue;
            found["metadata." + key] = value.Kind switch
            {
                EcmaScriptKind.Text => AttributeValue.From(value.Text),
                EcmaScriptKind.List or EcmaScriptKind.Record => AttributeValue.JsonOf(value),
                _ => AttributeValue.From(EcmaScriptJson.Stringify(value)),
            };
        }
    }

    private static bool HasLabels(OrderedDictionary<string, AttributeValue> found) =>
        found.TryGetValue(LabelsKey, out var labels) && SpanPayload.IsFilled(labels);
}

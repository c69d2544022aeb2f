using System.Text.Json;
using ProjectionReplay.Events;
using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Decoding;
using ProjectionReplay.Projections.TraceSummary.Prices;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>Sums up a trace: its spans in whatever style they were instrumented, and the topic found later.</summary>
/// <param name="prices">The prices of models, read when they are needed first.</param>
internal sealed class TraceSummaryProjection(Lazy<ModelPrices> prices) : FoldProjection<Trace>, IFoldProjection
{
    private const string SpanReceived = "lw.obs.trace.span_received";
    private const string TopicAssigned = "lw.obs.trace.topic_assigned";

    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField TopicId = Fields.Add("topicId");
    private static readonly PayloadField SubtopicId = Fields.Add("subtopicId");

    private readonly TraceFold _fold = new(prices);

    public override ProjectionDefinition Definition { get; } = new()
    {
        Name = "traceSummary",
        Pipeline = "trace_processing",
        AggregateTypes = ["trace"],
        EventTypes = [SpanReceived, TopicAssigned],
        Version = TraceSummaryTable.Version,
        Columns = EventColumns.Payload,
        Store = ProjectionStoreKind.ClickHouse,
        Table = TraceSummaryTable.Rows.Name,
        ReplaySafety = ReplaySafety.LatestRow,
    };

    public override Trace CreateState(in ReplayEvent first) => new();

    public override Trace Apply(Trace state, in ReplayEvent replayEvent)
    {
        switch (replayEvent.EventType)
        {
            case SpanReceived: ApplySpan(state, replayEvent); break;
            case TopicAssigned: ApplyTopic(state, replayEvent); break;
        }

        return state;
    }

    /// <summary>A topic without a span is not a trace yet.</summary>
    public override bool ShouldStore(Trace state) => state.SpanCount > 0;

    public override IProjectionStore<Trace> CreateStore(StoreConnections connections) =>
        new ClickHouseLatestRowStore<Trace>(connections.ClickHouse, TraceSummaryTable.Rows);

    void IFoldProjection.Prepare() => _ = prices.Value;

    private void ApplySpan(Trace state, in ReplayEvent replayEvent)
    {
        if (EcmaScriptText.IsBlank(replayEvent.TenantId)) throw Invalid(replayEvent, "TenantId", "is empty");
        if (replayEvent.Payload.IsEmpty) throw Invalid(replayEvent, "$", "is empty");
        try
        {
            _fold.Apply(state, replayEvent);
        }
        catch (MalformedSpanException fault)
        {
            throw Invalid(replayEvent, fault.Path, fault.Problem);
        }
        catch (JsonException exception)
        {
            // Its message may quote the payload, so that only the position is passed on.
            throw Invalid(
                replayEvent, "$", $"is not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1})");
        }
    }

    private static void ApplyTopic(Trace state, in ReplayEvent replayEvent)
    {
        Fields.Read(replayEvent, out var payload);
        state.TopicId = payload.Text(TopicId) ?? state.TopicId;
        state.SubTopicId = payload.Text(SubtopicId) ?? state.SubTopicId;
        state.LastUpdatedAt = replayEvent.Timestamp;
    }

    private static InvalidEventPayloadException Invalid(in ReplayEvent replayEvent, string path, string problem) =>
        new(replayEvent.EventId, replayEvent.EventType, path, problem);
}

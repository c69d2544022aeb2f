using ProjectionReplay.Events;
using ProjectionReplay.Json;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;
using ProjectionReplay.Projections.TraceSummary.Decoding;
using ProjectionReplay.Projections.TraceSummary.Metrics;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>Folds spans into their trace. Safe for concurrent use: each span is read into a workspace of its own.</summary>
internal sealed class TraceFold
{
    private readonly AttributeNames _names = new();
    private readonly CanonicalParts _always;
    private readonly IReadOnlyList<ICanonicaliser> _canonicalisers;
    private readonly SpanUsage _usage;
    private readonly SpanCost _cost;
    private readonly SpanOutcome _outcome;
    private readonly SpanMessages _messages;
    private readonly ContributedAttributes _contributed;
    private readonly System.Collections.Concurrent.ConcurrentBag<Workspace> _workspaces = [];

    /// <param name="prices">The prices of models.</param>
    /// <param name="always">What is found out of every span, whether it changes the trace or not.</param>
    public TraceFold(Lazy<ModelPrices> prices, CanonicalParts always = CanonicalParts.Essence)
    {
        _always = always;
        _canonicalisers = Canonicalisers.Create(_names);
        _usage = new SpanUsage(_names);
        _cost = new SpanCost(_names, prices);
        _outcome = new SpanOutcome(_names);
        _messages = new SpanMessages(_names);
        _contributed = new ContributedAttributes(_names);
    }

    /// <summary>Folds a span.</summary>
    /// <exception cref="MalformedSpanException">It is none.</exception>
    /// <exception cref="System.Text.Json.JsonException">It is not JSON.</exception>
    public void Apply(Trace trace, in ReplayEvent replayEvent)
    {
        // A workspace that a malformed span was read into is not used again.
        if (!_workspaces.TryTake(out var workspace)) workspace = new Workspace(_names);
        workspace.Reader.Read(replayEvent.Payload, workspace.Source);
        Apply(trace, workspace, replayEvent.Timestamp);
        _workspaces.Add(workspace);
    }

    private void Apply(Trace trace, Workspace workspace, long timestamp)
    {
        var (source, span) = (workspace.Source, workspace.Span);
        var isInputWanted = source.IsRoot || trace.ComputedInput is null;
        var isOutputWanted = source.IsRoot || (!trace.OutputFromRootSpan && source.EndMs >= trace.OutputSpanEndTimeMs);
        var inputParts = isInputWanted ? CanonicalParts.Input : CanonicalParts.Essence;
        var outputParts = isOutputWanted ? CanonicalParts.Output : CanonicalParts.Essence;
        span.Begin(source, _always | inputParts | outputParts);
        foreach (var canonicaliser in _canonicalisers) canonicaliser.Canonicalise(span);

        if (trace.TraceId.Length == 0) trace.TraceId = span.Text(source.TraceId);
        trace.SpanCount++;
        ApplyTimes(trace, source);
        if ((isInputWanted || isOutputWanted) && !_messages.IsJudging(span))
        {
            if (isInputWanted) trace.ComputedInput = _messages.Input(source, span) ?? trace.ComputedInput;
            if (isOutputWanted && _messages.Output(source, span) is { } output) ApplyOutput(trace, source, output);
        }

        ApplyUsage(trace, span);
        ApplyOutcome(trace, _outcome.Of(source, span));
        ApplyTiming(trace, TokenTiming.Of(source, span));
        _contributed.Gather(source, span, workspace.Contributed);
        trace.Attributes.Take(workspace.Contributed, source.Payload);
        if (trace.CreatedAt == 0) trace.CreatedAt = timestamp;
        trace.LastUpdatedAt = timestamp;
    }

    private static void ApplyTimes(Trace trace, TraceSpan source)
    {
        if (!(double.IsFinite(source.StartMs) && double.IsFinite(source.EndMs) && source.StartMs > 0 && source.EndMs > 0)) return;
        var hasTimes = trace.OccurredAt > 0;
        var end = Math.Max(hasTimes ? trace.OccurredAt + trace.TotalDurationMs : 0, source.EndMs);
        trace.OccurredAt = hasTimes ? Math.Min(trace.OccurredAt, source.StartMs) : source.StartMs;
        trace.TotalDurationMs = end - trace.OccurredAt;
    }

    private static void ApplyOutput(Trace trace, TraceSpan source, string output)
    {
        trace.ComputedOutput = output;
        trace.OutputFromRootSpan = source.IsRoot;
        trace.OutputSpanEndTimeMs = source.EndMs;
    }

    private void ApplyUsage(Trace trace, CanonicalSpan span)
    {
        var model = _usage.AddModels(span, trace.Models);
        var (prompt, completion) = (_usage.PromptTokens(span), _usage.CompletionTokens(span));
        trace.TotalPromptTokenCount = Positive((trace.TotalPromptTokenCount ?? 0) + prompt);
        trace.TotalCompletionTokenCount = Positive((trace.TotalCompletionTokenCount ?? 0) + completion);

        // Rounded at every span: what costs less than half a millionth each never adds up. The live system has it so.
        var cost = Positive((trace.TotalCost ?? 0) + _cost.Of(span, model, prompt, completion));
        trace.TotalCost = cost is { } total ? EcmaScriptFixed.Round6(total) : null;
        trace.TokensEstimated |= _usage.IsEstimated(span);
        trace.TokensPerSecond = trace.TotalCompletionTokenCount > 0 && trace.TotalDurationMs > 0
            ? EcmaScriptNumber.RoundHalfUp(trace.TotalCompletionTokenCount.Value / trace.TotalDurationMs * 1000)
            : null;
    }

    private static void ApplyOutcome(Trace trace, Outcome outcome)
    {
        trace.ContainsErrorStatus |= outcome.IsError;
        trace.ContainsOKStatus |= outcome.IsOk;
        trace.ErrorMessage ??= outcome.Message;
    }

    private static void ApplyTiming(Trace trace, TokenTiming timing)
    {
        if (timing.First is { } first) trace.TimeToFirstTokenMs = trace.TimeToFirstTokenMs is { } known ? Math.Min(known, first) : first;
        if (timing.Last is { } last) trace.TimeToLastTokenMs = trace.TimeToLastTokenMs is { } known ? Math.Max(known, last) : last;
    }

    private static double? Positive(double sum) => sum > 0 ? sum : null;

    /// <summary>What one span is read into and looked at with.</summary>
    private sealed class Workspace(AttributeNames names)
    {
        public SpanReader Reader { get; } = new(names);

        public TraceSpan Source { get; } = new();

        public CanonicalSpan Span { get; } = new(names);

        public OrderedDictionary<string, AttributeValue> Contributed { get; } = new(StringComparer.Ordinal);
    }
}

using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using ProjectionReplay.Events;
using ProjectionReplay.Golden;
using ProjectionReplay.Projections.TraceSummary.Canonicalisation;

namespace ProjectionReplay.Projections.TraceSummary;

/// <summary>How spans and topics add up to a trace.</summary>
public sealed class TraceFoldTests
{
    [Fact]
    public void The_first_span_names_the_trace_and_every_span_counts()
    {
        var trace = TraceFolding.Fold(new SampleSpan { TraceId = "" }, new SampleSpan { TraceId = "a" }, new SampleSpan { TraceId = "b" });
        Assert.Equal(("a", 3u, "2025-12-18"), (trace.TraceId, trace.SpanCount, trace.ComputedIOSchemaVersion));
    }

    [Fact]
    public void The_trace_lasts_from_its_first_start_to_its_last_end()
    {
        var trace = TraceFolding.Fold(
            At(2000, 3000), At(1000, 1500), At(2500, 2600), new SampleSpan { StartMs = 0, EndMs = SampleSpan.Start * 2 });
        Assert.Equal((SampleSpan.Start + 1000, 2000, 4u), (trace.OccurredAt, trace.TotalDurationMs, trace.SpanCount));
    }

    [Fact]
    public void A_first_span_that_ends_before_it_starts_lasts_less_than_nothing()
    {
        var trace = TraceFolding.Fold(At(1000, 0).Number("gen_ai.usage.output_tokens", 5));
        Assert.Equal((SampleSpan.Start + 1000, -1000, null), (trace.OccurredAt, trace.TotalDurationMs, trace.TokensPerSecond));
        Assert.Equal(0, TraceFolding.Fold(new SampleSpan { StartMs = 0 }).OccurredAt);
    }

    [Fact]
    public void Tokens_per_second_are_rounded_half_up_and_may_be_zero()
    {
        Assert.Equal(0, TraceFolding.Fold(At(0, 100_000).Number("gen_ai.usage.output_tokens", 5)).TokensPerSecond);
        Assert.Equal(3, TraceFolding.Fold(At(0, 2000).Number("gen_ai.usage.output_tokens", 5)).TokensPerSecond);
        Assert.Null(TraceFolding.Fold(At(0, 0).Number("gen_ai.usage.output_tokens", 5)).TokensPerSecond);
    }

    [Fact]
    public void Input_is_that_of_the_last_root_or_else_of_the_first_child()
    {
        Assert.Equal("c1", TraceFolding.Fold(Input("c1").Child(), Input("c2").Child()).ComputedInput);
        Assert.Equal("r2", TraceFolding.Fold(Input("c1").Child(), Input("r1"), Input("r2"), Input("c2").Child()).ComputedInput);
        Assert.Equal("r1", TraceFolding.Fold(Input("r1"), new SampleSpan()).ComputedInput);
    }

    [Fact]
    public void Output_is_that_of_the_last_root_or_else_of_the_child_that_ended_last()
    {
        var trace = TraceFolding.Fold(
            Output("child", 2000).Child(),
            Output("root1", 1000),
            Output("root2", 500).Text("langwatch.input", "r2in"),
            Output("child2", 9000).Child().Text("langwatch.input", "cin"));
        Assert.Equal(("root2", true, SampleSpan.Start + 500), (trace.ComputedOutput, trace.OutputFromRootSpan, trace.OutputSpanEndTimeMs));
        Assert.Equal(("r2in", 9000), (trace.ComputedInput, trace.TotalDurationMs));

        trace = TraceFolding.Fold(Output("a", 2000).Child(), Output("b", 1000).Child(), Output("c", 2000).Child());
        Assert.Equal(("c", false, SampleSpan.Start + 2000), (trace.ComputedOutput, trace.OutputFromRootSpan, trace.OutputSpanEndTimeMs));
    }

    [Fact]
    public void A_span_without_output_changes_nothing_about_it()
    {
        var trace = TraceFolding.Fold(Output("a", 2000).Child(), At(0, 9000));
        Assert.Equal(("a", false, SampleSpan.Start + 2000), (trace.ComputedOutput, trace.OutputFromRootSpan, trace.OutputSpanEndTimeMs));
    }

    [Fact]
    public void Created_is_the_first_span_and_updated_the_last_event()
    {
        var (first, second) = (new SampleSpan().ToRow(), new SampleSpan().ToRow());
        var trace = TraceFolding.Fold([second, first]);
        Assert.Equal((second.Timestamp, first.Timestamp), (trace.CreatedAt, trace.LastUpdatedAt));
    }

    [Fact]
    public void Topics_replace_each_other_where_they_say_something()
    {
        var trace = TraceFolding.Fold([Topic(9, "\"t1\"", "null"), Topic(5, "null", "\"s\"")]);
        Assert.Equal(("t1", "s", 5, 0, 0u), (trace.TopicId, trace.SubTopicId, trace.LastUpdatedAt, trace.CreatedAt, trace.SpanCount));
        Assert.False(TraceFolding.Projection().ShouldStore(trace));

        trace = TraceFolding.Fold([Topic(5, "\"t1\"", "\"s1\""), new SampleSpan().ToRow(), Topic(9, "\"t2\"", "null")]);
        Assert.Equal(("t2", "s1"), (trace.TopicId, trace.SubTopicId));
        Assert.True(TraceFolding.Projection().ShouldStore(trace));
    }

    [Fact]
    public void Vercel_spans_are_summed_up_as_specified()
    {
        var span = new SampleSpan { Scope = "ai", Name = "ai.generateText" }
            .Text("ai.model", """{"id":"gpt-4o","provider":"openai.chat"}""")
            .Text("ai.usage", """{"promptTokens":"5","completionTokens":7}""")
            .Text("ai.prompt", """{"prompt":"hi"}""")
            .Text("ai.response", """{"text":"yo","toolCalls":[]}""");
        var trace = TraceFolding.Fold(span);
        Assert.Equal(
            (5, 7, 0.000083, 7), (trace.TotalPromptTokenCount, trace.TotalCompletionTokenCount, trace.TotalCost, trace.TokensPerSecond));
        Assert.Equal(
            ("openai/gpt-4o", null, """[{"role":"assistant","content":"yo"},{"tool_calls":[]}]"""),
            (Assert.Single(trace.Models), trace.ComputedInput, trace.ComputedOutput));
    }

    [Fact]
    public void Golden_spans_in_any_order_never_throw_and_add_up_to_the_same_sums()
    {
        var traces = GoldenFiles.Events()
            .Where(row => row.Aggregate.AggregateType == "trace" && row.EventType == "lw.obs.trace.span_received")
            .GroupBy(row => row.Aggregate).Select(rows => rows.ToArray()).ToArray();
        OneOf(traces).SelectMany(rows => Gen.Shuffle(rows).Select(shuffled => (Rows: rows, Shuffled: shuffled))).Sample(
            sample =>
            {
                var (expected, actual) = (TraceFolding.Fold(sample.Rows), TraceFolding.Fold(sample.Shuffled));
                Assert.Equal(
                    (expected.SpanCount, expected.OccurredAt, expected.TotalPromptTokenCount,
                        expected.ContainsErrorStatus, expected.ContainsOKStatus),
                    (actual.SpanCount, actual.OccurredAt, actual.TotalPromptTokenCount,
                        actual.ContainsErrorStatus, actual.ContainsOKStatus));
                Assert.Equal(expected.Models, actual.Models);
            },
            iter: 300);
    }

    [Fact]
    public void Any_spans_in_any_order_never_throw()
    {
        var key = OneOf(
            "langwatch.input", "langwatch.output", "langwatch.span.type", "langwatch.metrics", "metadata",
            "gen_ai.prompt", "gen_ai.completion", "gen_ai.prompt.0.role", "gen_ai.prompt.0.content",
            "gen_ai.usage.input_tokens", "gen_ai.request.model", "ai.model", "ai.prompt", "ai.response", "ai.usage",
            "raw_input", "retrieval.documents", "input.value", "output", "llm.invocation_parameters",
            "openinference.span.kind", "thread_id", "tag.tags", "error.message", "error.has_error");
        var value = OneOf(
            """{"stringValue":"x"}""", """{"stringValue":""}""",
            """{"stringValue":"{\"type\":\"chat_messages\",\"value\":[{\"message\":{\"role\":\"system\",\"content\":\"s\"}}]}"}""",
            """{"stringValue":"[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]"}""",
            """{"stringValue":"{\"labels\":[1],\"user_id\":\"u\"}"}""", """{"stringValue":"[null]"}""",
            """{"intValue":"5"}""", """{"intValue":0}""", """{"doubleValue":"Infinity"}""", """{"boolValue":true}""",
            """{"arrayValue":{}}""", """{"arrayValue":{"values":[{"stringValue":"a"},{}]}}""",
            """{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}}]}}""", """{"bytesValue":"AQI="}""", "{}", "[]");
        var span =
            // An indexed attribute that is a value and an object is a fault: such spans are not well-formed.
            from attributes in Gen.Select(key, value)
                .Where(pair => !pair.Item1.Contains(".0.", StringComparison.Ordinal)
                    || !pair.Item2.Contains("kvlist", StringComparison.Ordinal))
                .Array[0, 8]
            from scope in OneOf("ai", "@mastra/otel", "strands.telemetry.tracer", "openinference.instrumentation.haystack", "other")
            from name in OneOf("ai.generateText", "ai.embed", "x")
            from happened in OneOf("gen_ai.choice", "gen_ai.user.message", "exception", "first_token", "gen_ai.content.chunk").Array[0, 4]
            from isChild in Gen.Bool
            from length in Gen.Int[-1000, 1000]
            select happened.Aggregate(
                attributes.Aggregate(
                    new SampleSpan { Scope = scope, Name = name, ParentSpanId = isChild ? "p" : null, EndMs = SampleSpan.Start + length },
                    (made, attribute) => made.Value(attribute.Item1, attribute.Item2)),
                (made, eventName) => made.Event(eventName, length, ("content", "x"), ("exception.message", "boom")));
        span.Array[1, 6].SelectMany(spans => Gen.Shuffle(spans)).Sample(
            spans =>
            {
                var trace = TraceFolding.Fold(spans);
                Assert.Equal((uint)spans.Length, trace.SpanCount);
                foreach (var one in spans) CanonicalRun.OfAll(one);
            },
            iter: 2000);
    }

    [Fact]
    public void A_payload_that_was_tampered_with_is_folded_or_named_but_nothing_else()
    {
        // Pieces that change what a payload means, put anywhere into real ones.
        var piece = OneOf("null", "0", "\"\"", "{}", "[]", "\"x\"", "1e999", "true", ",", "}", "]", "\\ud800", "\\", "\"", ".0.", "-");
        var payload = OneOf(GoldenFiles.Events().Where(row => row.EventType == "lw.obs.trace.span_received").ToArray());
        var tampered =
            from row in payload
            from start in Gen.Int[0, row.Payload.Length]
            from length in Gen.Int[0, 40]
            from put in piece
            select row with
            {
                Payload =
                [
                    .. row.Payload.AsSpan(0, start),
                    .. Encoding.UTF8.GetBytes(put),
                    .. row.Payload.AsSpan(Math.Min(start + length, row.Payload.Length)),
                ],
            };

        // A value in place of a value keeps it JSON, so that more than the parser is put to the test.
        var replaced =
            from row in payload
            from number in Gen.Int[0, 200]
            from put in OneOf("null", "0", "\"\"", "{}", "[]", "\"x\"", "1e999", "true", "[null]", "{\"values\":5}", "{\"values\":[5]}")
            select row with { Payload = Encoding.UTF8.GetBytes(ReplaceValue(Encoding.UTF8.GetString(row.Payload), number, put)) };
        Gen.OneOf(tampered, replaced).Sample(
            row =>
            {
                try
                {
                    Assert.Equal(1u, TraceFolding.Fold([row]).SpanCount);
                }
                catch (InvalidEventPayloadException exception)
                {
                    Assert.Equal(row.EventId, exception.EventId);
                    Assert.NotEmpty(exception.Field);
                }
            },
            iter: 20_000);
    }

    [Fact]
    public void What_nobody_asks_for_is_the_only_thing_left_out()
    {
        // A summary of spans that were canonicalised in every part is the same as one of those that were not.
        foreach (var rows in GoldenFiles.Events().Where(row => row.Aggregate.AggregateType == "trace").GroupBy(row => row.Aggregate))
        {
            var (lazy, eager) = (TraceFolding.Fold(rows), new Trace());
            var fold = new TraceFold(new(TraceFolding.Prices), CanonicalParts.All);
            foreach (var row in rows.Where(row => row.EventType == "lw.obs.trace.span_received")) fold.Apply(eager, row.ToReplayEvent());
            Assert.Equal(
                (lazy.ComputedInput, lazy.ComputedOutput, lazy.TotalCost,
                    lazy.ErrorMessage, lazy.TimeToFirstTokenMs, lazy.OutputFromRootSpan),
                (eager.ComputedInput, eager.ComputedOutput, eager.TotalCost,
                    eager.ErrorMessage, eager.TimeToFirstTokenMs, eager.OutputFromRootSpan));
            Assert.Equal(lazy.Attributes, eager.Attributes);
            Assert.Equal(lazy.Models, eager.Models);
        }
    }

    /// <summary>Puts something in place of the value that follows one of the colons.</summary>
    private static string ReplaceValue(string json, int number, string put)
    {
        var values = Regex.Matches(
            json,
            """(?<=":)("(\\.|[^"\\])*"|\[\]|\{\}|[0-9.]+|null|true|false|\{"values":\[[^\[\]]*\]\})""",
            RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(10));
        var value = values[number % values.Count];
        return string.Concat(json.AsSpan(0, value.Index), put, json.AsSpan(value.Index + value.Length));
    }

    private static Gen<T> OneOf<T>(params T[] items) => Gen.Int[0, items.Length - 1].Select(index => items[index]);

    private static SampleSpan At(long start, long end) => new() { StartMs = SampleSpan.Start + start, EndMs = SampleSpan.Start + end };

    private static SampleSpan Input(string text) => SampleSpan.Of(("langwatch.input", text));

    private static SampleSpan Output(string text, long end) => At(0, end).Text("langwatch.output", text);

    private static EventLogRow Topic(long timestamp, string topicId, string subtopicId)
    {
        var payload = $$"""{"topicId":{{topicId}},"subtopicId":{{subtopicId}},"topicName":"x"}""";
        return SampleEvent.Of("lw.obs.trace.topic_assigned", payload) with { Timestamp = timestamp };
    }
}

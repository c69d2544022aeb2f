using ProjectionReplay.Events;
using ProjectionReplay.Golden;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>What the payload of a span may look like, and what it must not.</summary>
public sealed class SpanReaderTests
{
    private const string Good = """
        {"span":{"traceId":"t","spanId":"s","name":"n",
        "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000",
        "attributes":[],"events":[],"links":[],"status":{}},"resource":null,"instrumentationScope":null}
        """;

    [Fact]
    public void A_bare_span_is_a_span() =>
        Assert.Equal((1u, "t"), (TraceFolding.FoldJson(Good).SpanCount, TraceFolding.FoldJson(Good).TraceId));

    [Theory]
    [InlineData("\"traceId\":\"t\",", "", "span.traceId", "is missing")]
    [InlineData("\"traceId\":\"t\",", "\"traceId\":null,", "span.traceId", "is missing")]
    [InlineData("\"traceId\":\"t\",", "\"traceId\":5,", "span.traceId", "must be a string but is a number")]
    [InlineData("\"spanId\":\"s\",", "", "span.spanId", "is missing")]
    [InlineData("\"spanId\":\"s\",", "\"spanId\":[],", "span.spanId", "must be a string but is an array")]
    [InlineData("\"events\":[]", "\"events\":null", "span.events", "must be an array but is null")]
    [InlineData("\"events\":[],", "", "span.events", "is missing")]
    [InlineData("\"events\":[]", "\"events\":[{},5]", "span.events[0].timeUnixNano", "is missing")]
    [InlineData("\"events\":[]", "\"events\":[null,5]", "span.events[1]", "must be an object")]
    [InlineData("\"events\":[]", "\"events\":[{\"timeUnixNano\":null}]", "span.events[0].timeUnixNano", "must be a time but is null")]
    [InlineData(
        "\"events\":[]",
        "\"events\":[{\"timeUnixNano\":1,\"attributes\":[{\"key\":\"k\",\"value\":1}]}]",
        "span.events[0].attributes[0].value",
        "must be an object")]
    [InlineData("\"links\":[]", "\"links\":{}", "span.links", "must be an array but is an object")]
    [InlineData("\"links\":[],", "", "span.links", "is missing")]
    [InlineData(
        "\"links\":[]",
        "\"links\":[{\"attributes\":[{\"key\":\"k\",\"value\":1}]}]",
        "span.links[0].attributes[0].value",
        "must be an object")]
    [InlineData("\"links\":[]", "\"links\":[true]", "span.links[0]", "must be an object")]
    [InlineData(",\"status\":{}", "", "span.status", "is missing")]
    [InlineData("\"status\":{}", "\"status\":null", "span.status", "is missing")]
    [InlineData("\"status\":{}", "\"status\":{\"message\":5}", "span.status.message", "must be a string but is a number")]
    [InlineData("\"attributes\":[]", "\"attributes\":{}", "span.attributes", "must be an array but is an object")]
    [InlineData("\"resource\":null", "\"resource\":5", "resource", "must be an object")]
    [InlineData("\"resource\":null", "\"resource\":{\"attributes\":\"x\"}", "resource.attributes", "must be an array")]
    [InlineData("\"startTimeUnixNano\":\"1700000000000000000\",", "", "span.startTimeUnixNano", "is missing")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":null",
        "span.startTimeUnixNano",
        "must be a time but is null")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":true",
        "span.startTimeUnixNano",
        "must be a time but is true or false")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":\"soon\"",
        "span.startTimeUnixNano",
        "is not a time from 1970 on")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":-1000000",
        "span.startTimeUnixNano",
        "is not a time from 1970 on")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":1e300",
        "span.startTimeUnixNano",
        "is not a time from 1970 on")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":{\"high\":1}",
        "span.startTimeUnixNano",
        "must have 'high' and 'low'")]
    [InlineData(
        "\"startTimeUnixNano\":\"1700000000000000000\"",
        "\"startTimeUnixNano\":{\"high\":1,\"low\":\"x\"}",
        "span.startTimeUnixNano.low",
        "must be an integer")]
    [InlineData(
        "\"endTimeUnixNano\":\"1700000001000000000\"", "\"endTimeUnixNano\":[]", "span.endTimeUnixNano", "must be a time but is an array")]
    public void A_malformed_span_is_named_with_event_and_place(string part, string replacement, string path, string problem)
    {
        Assert.Contains(part, Good, StringComparison.Ordinal);
        var row = SampleEvent.Of("lw.obs.trace.span_received", Good.Replace(part, replacement, StringComparison.Ordinal));
        var exception = Assert.Throws<InvalidEventPayloadException>(() => TraceFolding.Fold([row]));
        Assert.Equal((row.EventId, path), (exception.EventId, exception.Field));
        Assert.Contains($"'{path}' {problem}.", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("[]", "must be an object but is an array")]
    [InlineData("{\"span\":", "is not valid JSON (line 1, byte 9)")]
    [InlineData("{} x", "is not valid JSON (line 1, byte 4)")]
    public void A_payload_that_is_no_object_is_named_as_a_whole(string payload, string problem)
    {
        var exception = Assert.Throws<InvalidEventPayloadException>(() => TraceFolding.FoldJson(payload));
        Assert.Equal("$", exception.Field);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "span", "is missing")]
    [InlineData("""{"span":null}""", "span", "must be an object but is null")]
    public void A_payload_without_a_span_says_so(string payload, string path, string problem)
    {
        var exception = Assert.Throws<InvalidEventPayloadException>(() => TraceFolding.FoldJson(payload));
        Assert.Equal(path, exception.Field);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tenant_without_a_name_has_no_traces()
    {
        var row = SampleEvent.Of("lw.obs.trace.span_received", Good);
        Assert.Throws<InvalidEventPayloadException>(
            () => TraceFolding.Fold([row with { Aggregate = row.Aggregate with { TenantId = " \ufeff" } }]));
    }

    [Theory]
    [InlineData("\"attributes\":[]", "\"attributes\":null")]
    [InlineData("\"events\":[]", "\"events\":[null,0,\"\",false]")]
    [InlineData("\"status\":{}", "\"status\":\"fine\"")]
    [InlineData("\"status\":{}", "\"status\":{\"code\":\"2\",\"message\":null}")]
    [InlineData("\"resource\":null", "\"resource\":{}")]
    [InlineData("\"instrumentationScope\":null", "\"instrumentationScope\":{\"name\":null}")]
    [InlineData("\"instrumentationScope\":null", "\"instrumentationScope\":5,\"other\":[{}]")]
    [InlineData("\"name\":\"n\"", "\"name\":{\"a\":[]},\"kind\":\"?\"")]
    [InlineData("\"endTimeUnixNano\":\"1700000001000000000\"", "\"endTimeUnixNano\":\"never\"")]
    [InlineData("\"traceId\":\"t\"", "\"trace\\u0049d\":\"\\u0074\"")]
    [InlineData("{\"span\":{", "{\"span\":{\"\\ud800\":1,\"x\\ud800\":\"\\udfff\",")]
    public void Odd_spans_are_taken_as_they_are(string part, string replacement)
    {
        Assert.Contains(part, Good, StringComparison.Ordinal);
        var trace = TraceFolding.FoldJson(Good.Replace(part, replacement, StringComparison.Ordinal));
        Assert.Equal((1u, "t", false), (trace.SpanCount, trace.TraceId, trace.ContainsErrorStatus));
    }

    [Fact]
    public void Of_members_that_stand_twice_the_last_counts()
    {
        var json = Good
            .Replace("\"attributes\":[]", """
                "traceId":"old","attributes":[{"key":"langwatch.input","value":{"stringValue":"old"}}],
                "attributes":[{"key":"langwatch.input","value":{"stringValue":"new"}}],"traceId":"new"
                """, StringComparison.Ordinal)
            .Replace("\"events\":[]", """
                "events":[{"name":"exception","timeUnixNano":1}],"events":[]
                """, StringComparison.Ordinal);
        var trace = TraceFolding.FoldJson(json);
        Assert.Equal(("new", "new", false), (trace.TraceId, trace.ComputedInput, trace.ContainsErrorStatus));
    }

    [Theory]
    [InlineData("\"\"", true)]
    [InlineData("null", true)]
    [InlineData("0", true)]
    [InlineData("false", true)]
    [InlineData("\"0000000000000000\"", false)]
    [InlineData("{}", false)]
    public void A_span_is_a_root_when_its_parent_is_nothing(string parent, bool isRoot)
    {
        var json = Good.Replace("\"spanId\":\"s\",", $"\"spanId\":\"s\",\"parentSpanId\":{parent},", StringComparison.Ordinal)
            .Replace(
                "\"attributes\":[]",
                "\"attributes\":[{\"key\":\"langwatch.output\",\"value\":{\"stringValue\":\"x\"}}]",
                StringComparison.Ordinal);
        Assert.Equal(isRoot, TraceFolding.FoldJson(json).OutputFromRootSpan);
    }

    [Theory]
    [InlineData("\"1700000000000499900\"", "\"1700000000001000000\"", 1700000000001, 0)]
    [InlineData("\"1700000000000499800\"", "\"1700000000001499999\"", 1700000000000, 2)]
    [InlineData("1700000000000000000", "{\"high\":395812422,\"low\":0}", 1700000000000, 1407841)]
    [InlineData("\" +1700000000000000000ns\"", "\"1700000000000500000\"", 1700000000000, 1)]
    public void Times_are_rounded_as_doubles_are(string start, string end, double occurredAt, double duration)
    {
        var trace = TraceFolding.FoldJson(Good
            .Replace("\"1700000000000000000\"", start, StringComparison.Ordinal)
            .Replace("\"1700000001000000000\"", end, StringComparison.Ordinal));
        Assert.Equal((occurredAt, duration), (trace.OccurredAt, trace.TotalDurationMs));
    }

    [Fact]
    public void An_attribute_of_ten_megabytes_is_an_attribute()
    {
        var text = new string('x', 10_000_000);
        var trace = TraceFolding.Fold(SampleSpan.Of(("langwatch.input", text), ("langwatch.output", $"[\"{text}\"]")), new SampleSpan());
        Assert.Equal((2u, text, text), (trace.SpanCount, trace.ComputedInput, trace.ComputedOutput));
    }

    [Fact]
    public void Nesting_of_any_depth_is_read_as_text_and_as_JSON()
    {
        var deep = new string('[', 100_000) + new string(']', 100_000);
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("langwatch.input", $$"""{"content":"x","y":{{deep}}}"""))
                .Value("other", $$"""{"stringValue":"x","deep":{{deep}}}"""));
        Assert.Equal($$"""{"content":"x","y":{{deep}}}""", trace.ComputedInput);
    }

    [Fact]
    public void Lone_surrogates_stay_what_they_are()
    {
        var json = new SampleSpan()
            .Value("langwatch.input", """{"stringValue":"a\ud800b"}""")
            .Value("langwatch.output", """{"stringValue":"{\"content\":\"\\ud800\"}"}""")
            .ToJson();
        var trace = TraceFolding.FoldJson(json);
        Assert.Equal("a\ud800b", trace.ComputedInput);
        Assert.Equal("""{"content":"\ud800"}""", trace.ComputedOutput);
    }
}

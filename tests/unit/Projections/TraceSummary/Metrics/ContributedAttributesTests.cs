namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>What spans say about their trace.</summary>
public sealed class ContributedAttributesTests
{
    [Fact]
    public void Resource_identities_labels_and_metadata_are_told_in_order()
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("metadata", """{"labels":["a"],"user_id":"u","threadId":"t","n":1.0,"z":null,"o":{"b":1,"1":2}}"""))
                .ResourceText("service.name", "svc")
                .ResourceText("telemetry.sdk.name", "otel")
                .ResourceValue("custom.n", """{"intValue":5}""")
                .ResourceValue("custom.d", """{"doubleValue":1e21}""")
                .ResourceValue("custom.b", """{"boolValue":true}""")
                .ResourceText("host.name", "h")
                .ResourceValue("arr", """{"arrayValue":{"values":[{"stringValue":"q"}]}}""")
                .ResourceValue("list", """{"arrayValue":{}}"""));
        Assert.Equal(
            """
            sdk.name=otel
            service.name=svc
            custom.n=5
            custom.d=1e+21
            custom.b=true
            arr=["q"]
            gen_ai.conversation.id=t
            langwatch.user_id=u
            langwatch.labels=["a"]
            metadata.user_id=u
            metadata.threadId=t
            metadata.n=1
            metadata.o={"1":2,"b":1}
            """,
            Show(trace));
    }

    [Theory]
    [InlineData("host.x")]
    [InlineData("process.x")]
    [InlineData("telemetry.x")]
    [InlineData("service.x")]
    [InlineData("os.x")]
    [InlineData("container.x")]
    [InlineData("k8s.x")]
    [InlineData("cloud.x")]
    [InlineData("deployment.x")]
    [InlineData("device.x")]
    [InlineData("faas.x")]
    [InlineData("webengine.x")]
    public void Machinery_is_left_out(string key) =>
        Assert.Equal("hostless=x", Show(TraceFolding.Fold(new SampleSpan().ResourceText(key, "x").ResourceText("hostless", "x"))));

    [Fact]
    public void The_first_identity_that_there_is_decides_and_must_be_text()
    {
        var trace = TraceFolding.Fold(
            new SampleSpan().Number("langwatch.user.id", 5).Number("langwatch.thread.id", 7).Text("gen_ai.conversation.id", "conv"));
        Assert.Equal("gen_ai.conversation.id=conv", Show(trace));
        Assert.Equal(
            "gen_ai.conversation.id=", Show(TraceFolding.Fold(SampleSpan.Of(("gen_ai.conversation.id", ""), ("session.id", "s")))));
        Assert.Equal(
            "langgraph.thread_id=g", Show(TraceFolding.Fold(SampleSpan.Of(("langwatch.langgraph.thread_id", "g"), ("thread_id", "")))));
        Assert.Equal("langwatch.customer_id=c", Show(TraceFolding.Fold(SampleSpan.Of(("customer_id", "c")))));
    }

    [Fact]
    public void Labels_come_from_the_first_that_has_any()
    {
        Assert.Equal(
            "langwatch.labels=l",
            Show(TraceFolding.Fold(SampleSpan.Of(
                ("langwatch.labels", "l"), ("metadata.labels", "m"), ("metadata", """{"labels":["x"]}""")))));
        Assert.Equal("langwatch.labels=m", Show(TraceFolding.Fold(SampleSpan.Of(("langwatch.labels", ""), ("metadata.labels", "m")))));
        Assert.Equal(
            "langwatch.labels=[\"x\"]",
            Show(TraceFolding.Fold(SampleSpan.Of(("langwatch.labels", ""), ("metadata", """{"labels":["x"]}""")))));
        Assert.Equal(
            "langwatch.labels=res",
            Show(TraceFolding.Fold(SampleSpan.Of(("metadata.labels", "m")).ResourceText("langwatch.labels", "res"))));
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("{broken}")]
    [InlineData("text")]
    [InlineData("\u00a0{\"a\":1}")]
    public void Metadata_that_is_no_JSON_object_says_nothing(string metadata) =>
        Assert.Equal("", Show(TraceFolding.Fold(SampleSpan.Of(("metadata", metadata)))));

    [Fact]
    public void What_the_trace_said_first_stays_and_the_keys_of_the_last_span_come_first()
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("user_id", "u1"), ("thread_id", "t1")).ResourceText("a", "1"),
            SampleSpan.Of(("user_id", "u2"), ("metadata", """{"x":"y"}""")).ResourceText("b", "2"));
        Assert.Equal("b=2\nlangwatch.user_id=u1\nmetadata.x=y\na=1\ngen_ai.conversation.id=t1", Show(trace));
    }

    [Fact]
    public void Keys_that_are_array_indices_come_first() =>
        Assert.Equal(
            "2=y\n10=x\nb=z",
            Show(TraceFolding.Fold(new SampleSpan().ResourceText("b", "z").ResourceText("10", "x").ResourceText("2", "y"))));

    private static string Show(Trace trace) =>
        string.Join('\n', trace.Attributes.Select(attribute => $"{attribute.Key}={attribute.Value}"));
}

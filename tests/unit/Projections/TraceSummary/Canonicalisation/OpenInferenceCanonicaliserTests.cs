namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class OpenInferenceCanonicaliserTests
{
    [Theory]
    [InlineData("LLM", "llm")]
    [InlineData("Agent", "agent")]
    [InlineData("CHAIN", null)]
    [InlineData("RETRIEVER", null)]
    public void Its_kind_is_a_type_in_upper_case(string kind, string? type)
    {
        var run = Run(SampleSpan.Of(("openinference.span.kind", kind)));
        Assert.Equal(type, run.Type);
        Assert.False(run.IsInBag("openinference.span.kind"));
    }

    [Fact]
    public void A_known_type_keeps_the_kind_where_it_is()
    {
        var run = Run(SampleSpan.Of(("langwatch.span.type", "tool"), ("openinference.span.kind", "LLM")));
        Assert.Equal("tool", run.Type);
        Assert.True(run.IsInBag("openinference.span.kind"));
    }

    [Fact]
    public void The_kind_beats_a_type_that_is_not_a_known_one() =>
        Assert.Equal("llm", Run(SampleSpan.Of(("langwatch.span.type", "evaluation"), ("openinference.span.kind", "LLM"))).Type);

    [Fact]
    public void User_and_session_are_user_and_conversation()
    {
        var run = Run(SampleSpan.Of(("user.id", "u"), ("session.id", "s")));
        Assert.Equal(("u", "s"), (run["langwatch.user.id"], run["gen_ai.conversation.id"]));
        Assert.False(run.IsInBag("user.id"));
        Assert.False(run.IsInBag("session.id"));
    }

    [Fact]
    public void User_and_session_do_not_replace_others_and_must_be_text()
    {
        var run = Run(SampleSpan.Of(("user.id", "u"), ("session.id", "s"), ("langwatch.user.id", "v"), ("gen_ai.conversation.id", "t")));
        Assert.Equal(("v", "t"), (run["langwatch.user.id"], run["gen_ai.conversation.id"]));
        run = Run(SampleSpan.Of(("session.id", "")).Number("user.id", 5));
        Assert.Equal((null, null), (run["langwatch.user.id"], run["gen_ai.conversation.id"]));
    }

    [Theory]
    [InlineData("""{"stringValue":"a"}""", "a")]
    [InlineData("""{"arrayValue":{"values":[{"stringValue":"a"}]}}""", """["a"]""")]
    [InlineData("""{"arrayValue":{}}""", "[]")]
    [InlineData("""{"intValue":5}""", "5")]
    [InlineData("""{"boolValue":true}""", "true")]
    public void Tags_are_labels_in_text(string tags, string labels) =>
        Assert.Equal(labels, Run(new SampleSpan().Value("tag.tags", tags))["langwatch.labels"]);

    [Fact]
    public void Tags_do_not_replace_labels() =>
        Assert.Equal("own", Run(SampleSpan.Of(("langwatch.labels", "own"), ("tag.tags", "t")))["langwatch.labels"]);

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<OpenInferenceCanonicaliser>(span);
}

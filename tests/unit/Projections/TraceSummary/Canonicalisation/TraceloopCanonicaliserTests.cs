namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class TraceloopCanonicaliserTests
{
    [Theory]
    [InlineData("Tool", "tool")]
    [InlineData("workflow", null)]
    public void Its_kind_is_a_type(string kind, string? type)
    {
        var run = Run(SampleSpan.Of(("traceloop.span.kind", kind)));
        Assert.Equal(type, run.Type);
        Assert.False(run.IsInBag("traceloop.span.kind"));
    }

    [Fact]
    public void Its_kind_is_taken_even_when_the_span_has_a_type()
    {
        var run = Run(SampleSpan.Of(("traceloop.span.kind", "tool"), ("langwatch.span.type", "x")));
        Assert.Equal("x", run.Type);
        Assert.False(run.IsInBag("traceloop.span.kind"));
    }

    [Fact]
    public void Input_and_output_of_the_entity_become_messages()
    {
        var run = Run(
            SampleSpan.Of(
                ("traceloop.entity.input", """{"messages":[{"role":"system","content":"s"}]}"""), ("traceloop.entity.output", "out")));
        Assert.Equal("""[{"role":"system","content":"s"}]""", run["gen_ai.input.messages"]);
        Assert.Equal("s", run["gen_ai.request.system_instruction"]);
        Assert.Equal("""[{"role":"assistant","content":"out"}]""", run["gen_ai.output.messages"]);
        Assert.False(run.IsInBag("traceloop.entity.input"));
        Assert.False(run.IsInBag("traceloop.entity.output"));
    }

    [Fact]
    public void Input_and_output_stay_when_the_span_has_messages()
    {
        var run = Run(
            SampleSpan.Of(
                ("traceloop.entity.input", "i"),
                ("traceloop.entity.output", "o"),
                ("gen_ai.input.messages", "m"),
                ("gen_ai.output.messages", "n")));
        Assert.Equal(("m", "n"), (run["gen_ai.input.messages"], run["gen_ai.output.messages"]));
        Assert.True(run.IsInBag("traceloop.entity.input"));
        Assert.True(run.IsInBag("traceloop.entity.output"));
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<TraceloopCanonicaliser>(span);
}

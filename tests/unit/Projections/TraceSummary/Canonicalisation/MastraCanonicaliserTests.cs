namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class MastraCanonicaliserTests
{
    [Theory]
    [InlineData("agent_run", "agent")]
    [InlineData("workflow_run", "workflow")]
    [InlineData("workflow_conditional", "workflow")]
    [InlineData("workflow_conditional_eval", "workflow")]
    [InlineData("workflow_parallel", "workflow")]
    [InlineData("workflow_loop", "workflow")]
    [InlineData("workflow_sleep", "workflow")]
    [InlineData("workflow_wait_event", "workflow")]
    [InlineData("model_generation", "llm")]
    [InlineData("model_step", "llm")]
    [InlineData("model_chunk", "llm")]
    [InlineData("tool_call", "tool")]
    [InlineData("mcp_tool_call", "mcp_tool")]
    [InlineData("generic", "span")]
    [InlineData("processor_run", "span")]
    [InlineData("workflow_step", "span")]
    public void Its_own_types_become_canonical_ones(string type, string expected)
    {
        var run = Run(SampleSpan.Of(("mastra.span.type", type)));
        Assert.Equal(expected, run.Type);
        Assert.True(run.IsInBag("mastra.span.type"));
    }

    [Fact]
    public void A_span_without_a_type_is_a_span() => Assert.Equal("span", Run(new SampleSpan()).Type);

    [Fact]
    public void A_type_that_is_there_stays() => Assert.Equal("evaluation", Run(SampleSpan.Of(("langwatch.span.type", "evaluation"))).Type);

    [Theory]
    [InlineData("@mastra/otel2")]
    [InlineData("mastra")]
    [InlineData(null)]
    public void Others_are_left_alone(string? scope) =>
        Assert.Null(CanonicalRun.Of<MastraCanonicaliser>(SampleSpan.Of(("mastra.span.type", "tool_call")) with { Scope = scope }).Type);

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<MastraCanonicaliser>(span with { Scope = "@mastra/otel" });
}

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class FallbackCanonicaliserTests
{
    [Theory]
    [InlineData("operation.name", "ai.toolCall", "tool")]
    [InlineData("ai.toolCall.name", "x", "tool")]
    [InlineData("gen_ai.operation.name", "tool", "tool")]
    [InlineData("gen_ai.agent.name", "x", "agent")]
    [InlineData("agent.name", "x", "agent")]
    [InlineData("gen_ai.agent", "x", "agent")]
    [InlineData("gen_ai.request.model", "x", "llm")]
    [InlineData("gen_ai.response.model", "x", "llm")]
    [InlineData("gen_ai.input.messages", "x", "llm")]
    [InlineData("gen_ai.output.messages", "x", "llm")]
    [InlineData("gen_ai.prompt", "x", "llm")]
    [InlineData("gen_ai.completion", "x", "llm")]
    [InlineData("gen_ai.operation.name", "x", "llm")]
    [InlineData("ai.prompt", "x", "llm")]
    [InlineData("ai.response", "x", "llm")]
    [InlineData("ai.model", "x", "llm")]
    [InlineData("ai.usage", "x", "llm")]
    [InlineData("llm.model_name", "x", "llm")]
    [InlineData("llm.invocation_parameters", "x", "llm")]
    [InlineData("llm.input_messages", "x", "llm")]
    [InlineData("llm.output_messages", "x", "llm")]
    [InlineData("operation.name", "x", null)]
    public void What_a_span_carries_tells_what_it_is(string name, string value, string? type) =>
        Assert.Equal(type, CanonicalRun.Of<FallbackCanonicaliser>(SampleSpan.Of((name, value))).Type);

    [Fact]
    public void A_tool_is_a_tool_before_it_is_an_agent_and_that_before_it_is_a_call_of_a_model()
    {
        Assert.Equal(
            "tool",
            CanonicalRun.Of<FallbackCanonicaliser>(SampleSpan.Of(("ai.toolCall.name", "x"), ("agent.name", "x"), ("ai.model", "x"))).Type);
        Assert.Equal("agent", CanonicalRun.Of<FallbackCanonicaliser>(SampleSpan.Of(("agent.name", "x"), ("ai.model", "x"))).Type);
    }

    [Fact]
    public void A_type_that_is_there_stays() =>
        Assert.Equal("x", CanonicalRun.Of<FallbackCanonicaliser>(SampleSpan.Of(("langwatch.span.type", "x"), ("ai.model", "x"))).Type);

    [Fact]
    public void What_others_guessed_is_replaced() =>
        Assert.Equal("agent", CanonicalRun.OfAll(SampleSpan.Of(("type", "tool"), ("gen_ai.agent", "x"), ("agent.name", "y"))).Type);
}

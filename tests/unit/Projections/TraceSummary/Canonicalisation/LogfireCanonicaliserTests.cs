namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class LogfireCanonicaliserTests
{
    [Fact]
    public void Raw_input_becomes_messages()
    {
        var run = Run(SampleSpan.Of(("raw_input", """[{"role":"system","content":"s"},{"role":"user","content":"x"}]""")));
        Assert.Equal("""[{"role":"system","content":"s"},{"role":"user","content":"x"}]""", run["gen_ai.input.messages"]);
        Assert.Equal("s", run["gen_ai.request.system_instruction"]);
        Assert.Null(run.Type);
    }

    [Fact]
    public void Raw_input_beside_messages_tells_of_a_call_of_a_model()
    {
        var run = Run(SampleSpan.Of(("raw_input", "x"), ("gen_ai.input.messages", "m")));
        Assert.Equal(("m", "llm"), (run["gen_ai.input.messages"], run.Type));
        Assert.Equal("tool", Run(SampleSpan.Of(("raw_input", "x"), ("gen_ai.input.messages", "m"), ("langwatch.span.type", "tool"))).Type);
    }

    [Theory]
    [InlineData("message", """{"role":"x"}""", """{"role":"x"}""")]
    [InlineData("content", "x", "\"x\"")]
    [InlineData("text", "", "\"\"")]
    public void Choices_become_the_answer_of_any_span(string name, string value, string content) =>
        Assert.Equal(
            $$"""[{"role":"assistant","content":{{content}}}]""",
            Run(new SampleSpan().Event("gen_ai.choice", 0, (name, value)))["gen_ai.output.messages"]);

    [Fact]
    public void Choices_prefer_the_message_and_are_nothing_without_any()
    {
        Assert.Equal(
            """[{"role":"assistant","content":"m"}]""",
            Run(new SampleSpan()
                .Event("gen_ai.choice", 0, ("text", "t"), ("content", "c"), ("message", "m"))
                .Event("gen_ai.choice"))["gen_ai.output.messages"]);
        Assert.Null(Run(new SampleSpan().Event("gen_ai.choice"))["gen_ai.output.messages"]);
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<LogfireCanonicaliser>(span);
}

namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class StrandsCanonicaliserTests
{
    [Theory]
    [InlineData("chat", "llm")]
    [InlineData("execute_tool", "tool")]
    [InlineData("invoke_agent", "agent")]
    [InlineData("other", "evaluation")]
    public void The_operation_says_the_type_whatever_the_span_says(string operation, string type) =>
        Assert.Equal(type, Run(SampleSpan.Of(("gen_ai.operation.name", operation), ("langwatch.span.type", "evaluation"))).Type);

    [Theory]
    [InlineData("strands.telemetry.tracer", null)]
    [InlineData("opentelemetry.instrumentation.strands", null)]
    [InlineData(null, "system.name")]
    [InlineData(null, "service.name")]
    public void It_is_known_by_scope_or_by_name(string? scope, string? name)
    {
        var span = SampleSpan.Of(("gen_ai.operation.name", "chat")) with { Scope = scope };
        if (name is not null) span = span.Text(name, "strands-agents");
        Assert.Equal("llm", CanonicalRun.Of<StrandsCanonicaliser>(span).Type);
    }

    [Fact]
    public void It_is_not_known_by_system_or_agent_for_these_are_taken_before()
    {
        var run = CanonicalRun.OfAll(
            SampleSpan.Of(("gen_ai.system", "strands-agents"), ("gen_ai.agent.name", "Strands Agents"))
                .Event("gen_ai.user.message", 0, ("content", "hi")));
        Assert.Null(run["gen_ai.input.messages"]);
        Assert.Equal(["gen_ai.user.message"], run.RemainingEvents);
    }

    [Fact]
    public void Message_events_become_messages_by_role_and_not_by_time()
    {
        var run = Run(new SampleSpan()
            .Event("gen_ai.tool.message", 0, ("content", "t"))
            .Event("gen_ai.user.message", 1, ("content", """[{"text":"hi"}]"""))
            .Event("gen_ai.assistant.message", 2, ("content", "a"))
            .Event("gen_ai.system.message", 3, ("content", "be nice"))
            .Event("other", 4));
        Assert.Equal(
            """[{"role":"system","content":"be nice"},{"role":"user","content":[{"text":"hi"}]},"""
                + """{"role":"assistant","content":"a"},{"role":"tool","content":"t"}]""",
            run["gen_ai.input.messages"]);
        Assert.Equal(["other"], run.RemainingEvents);
    }

    [Fact]
    public void Message_events_stay_when_there_are_messages() =>
        Assert.Equal(
            ["gen_ai.user.message"],
            Run(SampleSpan.Of(("gen_ai.input.messages", "m")).Event("gen_ai.user.message", 0, ("content", "x"))).RemainingEvents);

    [Theory]
    [InlineData("content", "x", "\"x\"")]
    [InlineData("gen_ai.content", "x", "\"x\"")]
    [InlineData("message", "x", "\"x\"")]
    [InlineData("text", "x", "\"x\"")]
    [InlineData("gen_ai.prompt.content", "x", "\"x\"")]
    [InlineData("content", "[1]", "[1]")]
    [InlineData("content", """{"text":"x"}""", "\"x\"")]
    [InlineData("content", """{"text":"","content":null}""", "null")]
    [InlineData("content", " ", "\"y\"")]
    [InlineData("content", "[]", "\"y\"")]
    [InlineData("content", "{}", "\"y\"")]
    public void Content_is_the_first_attribute_that_says_anything(string name, string value, string content)
    {
        var run = Run(
            new SampleSpan().Event(
                "gen_ai.user.message", 0, (name, value), ("gen_ai.prompt.content", name == "gen_ai.prompt.content" ? value : "y")));
        Assert.Equal($$"""[{"role":"user","content":{{content}}}]""", run["gen_ai.input.messages"]);
    }

    [Fact]
    public void Events_without_content_are_consumed_for_nothing()
    {
        var run = Run(new SampleSpan().Event("gen_ai.user.message").Event("gen_ai.choice", 0, ("finish_reason", "stop")));
        Assert.Equal((null, null), (run["gen_ai.input.messages"], run["gen_ai.output.messages"]));
        Assert.Empty(run.RemainingEvents);
    }

    [Fact]
    public void Choices_become_the_answer()
    {
        var run = Run(new SampleSpan()
            .Event("gen_ai.choice", 0, ("message", """[{"text":"ok"}]"""), ("finish_reason", "end_turn"))
            .Event("gen_ai.choice", 1, ("content", "x"), ("role", "tool")));
        Assert.Equal(
            """[{"role":"assistant","content":[{"text":"ok"}],"finish_reason":"end_turn"},{"role":"tool","content":"x"}]""",
            run["gen_ai.output.messages"]);
        Assert.Empty(run.RemainingEvents);
        Assert.Equal(["gen_ai.choice"], Run(SampleSpan.Of(("gen_ai.output.messages", "m")).Event("gen_ai.choice")).RemainingEvents);
    }

    private static CanonicalRun Run(SampleSpan span) =>
        CanonicalRun.Of<StrandsCanonicaliser>(span with { Scope = "strands.telemetry.tracer" });
}

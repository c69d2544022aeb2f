namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class LegacyOtelCanonicaliserTests
{
    [Theory]
    [InlineData("type", "llm", "llm")]
    [InlineData("langwatch.type", "rag", "rag")]
    [InlineData("type", "LLM", null)]
    public void A_type_of_another_name_is_the_type(string name, string type, string? expected)
    {
        var run = Run(SampleSpan.Of((name, type)));
        Assert.Equal(expected, run.Type);
        Assert.False(run.IsInBag(name));
    }

    [Theory]
    [InlineData("span.kind", "SPAN_KIND_SERVER", "server")]
    [InlineData("otel.span.kind", "CLIENT", "client")]
    [InlineData("incomingSpan.kind", "PRODUCER", "producer")]
    [InlineData("span.kind", "CONSUMER", "consumer")]
    [InlineData("span.kind", "CLIENT of SERVER", "server")]
    [InlineData("span.kind", "server", null)]
    public void The_kind_of_the_span_is_its_type(string name, string kind, string? type)
    {
        var run = Run(SampleSpan.Of((name, kind)));
        Assert.Equal(type, run.Type);
        Assert.True(run.IsInBag(name));
    }

    [Fact]
    public void The_kind_does_not_replace_a_type() =>
        Assert.Equal("tool", Run(SampleSpan.Of(("type", "tool"), ("span.kind", "SERVER"))).Type);

    [Theory]
    [InlineData("chat", "llm")]
    [InlineData("completion", "llm")]
    [InlineData("embedding", "tool")]
    public void A_request_of_a_model_replaces_a_type(string request, string type) =>
        Assert.Equal(type, Run(SampleSpan.Of(("type", "tool"), ("llm.request.type", request))).Type);

    [Fact]
    public void A_call_of_a_tool_is_known_by_operation_or_name()
    {
        Assert.Equal("tool", Run(SampleSpan.Of(("operation.name", "ai.toolCall"))).Type);
        Assert.Equal("tool", Run(SampleSpan.Of(("ai.toolCall.name", ""))).Type);
        Assert.Equal("server", Run(SampleSpan.Of(("ai.toolCall.name", "x"), ("span.kind", "SERVER"))).Type);
    }

    [Fact]
    public void Nothing_is_guessed_of_a_span_that_has_a_type()
    {
        var run = Run(
            SampleSpan.Of(("langwatch.span.type", "evaluation"), ("type", "llm"), ("llm.request.type", "chat"), ("span.kind", "SERVER")));
        Assert.Equal("evaluation", run.Type);
        Assert.True(run.IsInBag("type"));
        Assert.True(run.IsInBag("llm.request.type"));
    }

    [Fact]
    public void Input_and_output_of_other_names_become_those()
    {
        var run = Run(SampleSpan.Of(("input", "i"), ("output", """{ "a" : 1 }""")));
        Assert.Equal(("i", """{"a":1}"""), (run["langwatch.input"], run["langwatch.output"]));
        run = Run(SampleSpan.Of(("input.value", "v"), ("input", "i"), ("output.value", "w"), ("output", "o")));
        Assert.Equal(("v", "w"), (run["langwatch.input"], run["langwatch.output"]));
        Assert.True(run.IsInBag("input"));
        Assert.True(run.IsInBag("output"));
    }

    [Fact]
    public void Input_and_output_of_other_names_do_not_replace_those()
    {
        var run = Run(
            SampleSpan.Of(
                ("langwatch.input", "own"), ("input.value", "v"), ("ai.toolCall.args", "a"), ("langwatch.output", "out"), ("output", "o")));
        Assert.Equal(("own", "out"), (run["langwatch.input"], run["langwatch.output"]));
        Assert.False(run.IsInBag("input.value"));
        Assert.False(run.IsInBag("ai.toolCall.args"));
    }

    [Fact]
    public void Arguments_of_a_tool_are_input_when_there_is_no_other()
    {
        Assert.Equal("""{"x":1}""", Run(SampleSpan.Of(("ai.toolCall.args", """{"x": 1}""")))["langwatch.input"]);
        Assert.Equal("v", Run(SampleSpan.Of(("ai.toolCall.args", "a"), ("input.value", "v")))["langwatch.input"]);
    }

    [Fact]
    public void An_error_has_the_type_that_its_message_or_exception_or_status_says()
    {
        Assert.Equal("m", Run(SampleSpan.Of(("span.error.message", "m")).Flag("span.error.has_error", true))["error.type"]);
        Assert.Equal("m", Run(SampleSpan.Of(("error.message", "m")).Flag("error.has_error", true))["error.type"]);
        var span = SampleSpan.Of(("exception.type", "E"), ("exception.message", "boom"), ("error.message", "m"));
        Assert.Equal("E: boom", Run(span.Flag("error.has_error", false))["error.type"]);
        Assert.Equal("s", Run(SampleSpan.Of(("exception.type", "E"), ("exception.message", " "), ("status.message", "s")))["error.type"]);
        Assert.Null(Run(SampleSpan.Of(("status.message", " ")))["error.type"]);
        Assert.Equal("own", Run(SampleSpan.Of(("error.type", "own"), ("status.message", "s")))["error.type"]);
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<LegacyOtelCanonicaliser>(span);
}

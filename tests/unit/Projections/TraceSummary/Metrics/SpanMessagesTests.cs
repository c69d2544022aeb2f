namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>What counts as input and output of a span.</summary>
public sealed class SpanMessagesTests
{
    [Theory]
    [InlineData("""{"b":1.0,"10":"x","2":"y","e":"\u00e9\/"}""", """{"2":"y","10":"x","b":1,"e":"é/"}""")]
    [InlineData("""["hi"]""", "hi")]
    [InlineData("[7]", null)]
    [InlineData("null", "null")]
    [InlineData("\"quoted\"", "quoted")]
    [InlineData(" 1.50 ", "1.5")]
    [InlineData("""["a","b"]""", """["a","b"]""")]
    [InlineData("[1,2]", null)]
    [InlineData("[]", null)]
    [InlineData("", null)]
    [InlineData("plain text", "plain text")]
    [InlineData("true story", "true story")]
    [InlineData("{broken", "{broken")]
    public void Text_of_LangWatch_is_written_anew_as_the_JSON_it_is(string input, string? expected) =>
        Assert.Equal(expected, TraceFolding.Fold(SampleSpan.Of(("langwatch.input", input))).ComputedInput);

    [Theory]
    [InlineData("""[{"role":"user","content":"x"}]""", true)]
    [InlineData("""[{"role":"user","content":""}]""", false)]
    [InlineData("""[{"role":"user","content":null,"text":"x"}]""", true)]
    [InlineData("""[{"role":"user","content":5,"value":"x"}]""", true)]
    [InlineData("""[{"role":"user","text":"","value":"x"}]""", false)]
    [InlineData("""[{"role":"user","content":[{"type":"text","text":"x"}]}]""", true)]
    [InlineData("""[{"role":"user","content":[{"text":"x"}]}]""", true)]
    [InlineData("""[{"role":"user","content":["x"]}]""", true)]
    [InlineData("""[{"role":"user","content":["",""]}]""", true)]
    [InlineData("""[{"role":"user","content":[""]}]""", false)]
    [InlineData("""[{"role":"user","content":[{"type":"image","text":"x"},{"type":null,"text":"x"},5],"text":"x"}]""", false)]
    [InlineData("""[["x"],5,null]""", false)]
    [InlineData("""["x"]""", true)]
    [InlineData("""{"content":"x"}""", true)]
    [InlineData("plain", true)]
    [InlineData("\"\"", false)]
    [InlineData("5", false)]
    public void Messages_count_when_they_hold_text(string messages, bool counts)
    {
        Assert.Equal(counts ? messages : null, TraceFolding.Fold(SampleSpan.Of(("gen_ai.input.messages", messages))).ComputedInput);
        Assert.Equal(counts ? messages : null, TraceFolding.Fold(SampleSpan.Of(("gen_ai.output.messages", messages))).ComputedOutput);
    }

    [Fact]
    public void What_LangWatch_says_counts_when_the_messages_say_nothing()
    {
        Assert.Equal("own", TraceFolding.Fold(SampleSpan.Of(("gen_ai.input.messages", "[]"), ("langwatch.input", "own"))).ComputedInput);
        Assert.Equal(
            "[\"m\"]", TraceFolding.Fold(SampleSpan.Of(("gen_ai.input.messages", "[\"m\"]"), ("langwatch.input", "own"))).ComputedInput);
        Assert.Equal(
            "fallback", TraceFolding.Fold(SampleSpan.Of(("langwatch.input", "[null]"), ("input.value", "fallback"))).ComputedInput);
    }

    [Theory]
    [InlineData("evaluation")]
    [InlineData("guardrail")]
    public void Spans_that_judge_have_no_input_and_output(string type)
    {
        var judge = SampleSpan.Of(("langwatch.span.type", type), ("langwatch.input", "x"), ("langwatch.output", "y"));
        Assert.Equal((null, null), IO(judge));
        Assert.Equal(("x", "y"), IO(judge.Text("openinference.span.kind", "LLM")));
        Assert.Equal(("x", "y"), IO(judge with { Scope = "ai", Name = "ai.embed" }));
        Assert.Equal(("x", "y"), IO(judge.Text("gen_ai.operation.name", "chat") with { Scope = "strands.telemetry.tracer" }));
        Assert.Equal(
            ("""[{"role":"user","content":"q"}]""", "y"),
            IO(SampleSpan.Of(
                ("langwatch.span.type", type),
                ("langwatch.output", "y"),
                ("langwatch.input", """{"type":"chat_messages","value":[{"role":"user","content":"q"}]}"""))));
    }

    [Fact]
    public void A_chat_unmasks_a_judge_even_where_only_its_output_is_of_interest()
    {
        var judge = SampleSpan.Of(
            ("langwatch.span.type", "evaluation"),
            ("langwatch.output", "y"),
            ("langwatch.input", """{"type":"chat_messages","value":["q"]}"""))
            .Child();
        Assert.Equal("y", TraceFolding.Fold(SampleSpan.Of(("langwatch.input", "first")).Child(), judge).ComputedOutput);
    }

    [Fact]
    public void JSON_output_is_one_message()
    {
        var trace = TraceFolding.Fold(SampleSpan.Of(("langwatch.output", """{"type":"json","value":["a",{"k":1}]}""")));
        Assert.Equal("""[{"role":"assistant","content":"a\n{\"k\":1}"}]""", trace.ComputedOutput);
        Assert.Equal((true, SampleSpan.Start + 1000), (trace.OutputFromRootSpan, trace.OutputSpanEndTimeMs));
    }

    private static (string? Input, string? Output) IO(SampleSpan span)
    {
        var trace = TraceFolding.Fold(span);
        return (trace.ComputedInput, trace.ComputedOutput);
    }
}

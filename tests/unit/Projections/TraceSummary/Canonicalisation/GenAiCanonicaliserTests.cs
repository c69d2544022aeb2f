namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class GenAiCanonicaliserTests
{
    [Theory]
    [InlineData("langwatch.span.type", "llm", "chat")]
    [InlineData("type", "tool", "tool")]
    [InlineData("type", "agent", "agent")]
    [InlineData("langwatch.span.type", "rag", "retrieval")]
    [InlineData("type", "span", null)]
    public void The_operation_follows_from_the_type(string name, string type, string? operation) =>
        Assert.Equal(operation, Run(SampleSpan.Of((name, type)))["gen_ai.operation.name"]);

    [Fact]
    public void An_operation_that_is_there_stays()
    {
        Assert.Equal("x", Run(SampleSpan.Of(("gen_ai.operation.name", "x"), ("type", "llm")))["gen_ai.operation.name"]);
        Assert.Null(Run(SampleSpan.Of(("langwatch.span.type", "workflow"), ("type", "llm")))["gen_ai.operation.name"]);
    }

    [Theory]
    [InlineData("openai", "openai")]
    [InlineData("", null)]
    public void The_system_is_the_provider(string system, string? provider)
    {
        var run = Run(SampleSpan.Of(("gen_ai.system", system)));
        Assert.Equal(provider, run["gen_ai.provider.name"]);
        Assert.False(run.IsInBag("gen_ai.system"));
    }

    [Fact]
    public void The_first_agent_name_is_taken_and_later_ones_stay()
    {
        var run = Run(SampleSpan.Of(("agent.name", "b"), ("gen_ai.agent", "a")));
        Assert.Equal("a", run["gen_ai.agent.name"]);
        Assert.False(run.IsInBag("gen_ai.agent"));
        Assert.True(run.IsInBag("agent.name"));
    }

    [Fact]
    public void A_model_name_is_that_of_request_and_response()
    {
        var run = Run(SampleSpan.Of(("llm.model_name", " m ")));
        Assert.Equal((" m ", " m "), (run["gen_ai.request.model"], run["gen_ai.response.model"]));
        Assert.False(run.IsInBag("llm.model_name"));
    }

    [Theory]
    [InlineData("gen_ai.request.model")]
    [InlineData("gen_ai.response.model")]
    public void A_model_name_stays_where_it_is_when_the_span_says_either(string name)
    {
        var run = Run(SampleSpan.Of(("llm.model_name", "m"), (name, "r")));
        Assert.True(run.IsInBag("llm.model_name"));
        Assert.Equal("r", run[name]);
    }

    [Fact]
    public void A_model_name_that_is_blank_or_no_text_is_taken_and_lost()
    {
        Assert.Null(Run(SampleSpan.Of(("llm.model_name", " \u00a0")))["gen_ai.request.model"]);
        var run = Run(new SampleSpan().Number("llm.model_name", 5));
        Assert.Null(run["gen_ai.request.model"]);
        Assert.False(run.IsInBag("llm.model_name"));
    }

    [Theory]
    [InlineData("hi", """[{"role":"user","content":"hi"}]""")]
    [InlineData("""[{"message":{"role":"user"}},5]""", """[{"role":"user"},5]""")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", """[{"role":"user","content":"x"}]""")]
    [InlineData("""{"text":"x"}""", """[{"role":"user","content":{"text":"x"}}]""")]
    [InlineData("""{"messages":"x"}""", """[{"role":"user","content":{"messages":"x"}}]""")]
    [InlineData("[]", "[]")]
    public void Prompts_become_messages(string prompt, string messages)
    {
        Assert.Equal(messages, Run(SampleSpan.Of(("gen_ai.prompt", prompt)))["gen_ai.input.messages"]);
        Assert.Equal(messages, Run(SampleSpan.Of(("llm.input_messages", prompt)))["gen_ai.input.messages"]);
    }

    [Fact]
    public void Only_the_first_prompt_is_taken_and_none_when_there_are_messages()
    {
        var run = Run(SampleSpan.Of(("llm.input_messages", "b"), ("gen_ai.prompt", "a")));
        Assert.True(run.IsInBag("llm.input_messages"));
        Assert.False(run.IsInBag("gen_ai.prompt"));
        run = Run(SampleSpan.Of(("gen_ai.prompt", "a"), ("gen_ai.input.messages", "m")));
        Assert.Equal("m", run["gen_ai.input.messages"]);
        Assert.True(run.IsInBag("gen_ai.prompt"));
    }

    [Theory]
    [InlineData("""[{"role":"system","content":"be nice"}]""", "be nice")]
    [InlineData("""[{"role":"system","content":""}]""", "")]
    [InlineData("""[{"role":"system","content":null,"parts":[{"text":"be"},{"content":" nice"},5]}]""", "be nice")]
    [InlineData("""[{"role":"system","parts":[{"type":"x"}]}]""", null)]
    [InlineData("""[{"role":"user","content":"x"},{"role":"system","content":"late"}]""", null)]
    [InlineData("""[{"role":"system","content":{"text":"x"}}]""", null)]
    public void A_first_message_of_the_system_is_its_instruction(string messages, string? instruction)
    {
        Assert.Equal(instruction, Run(SampleSpan.Of(("gen_ai.input.messages", messages)))["gen_ai.request.system_instruction"]);
        Assert.Equal(instruction, Run(SampleSpan.Of(("gen_ai.prompt", messages)))["gen_ai.request.system_instruction"]);
    }

    [Fact]
    public void An_instruction_that_is_there_stays() =>
        Assert.Equal(
            "own",
            Run(SampleSpan.Of(
                ("gen_ai.prompt", """[{"role":"system","content":"x"}]"""),
                ("gen_ai.request.system_instruction", "own")))["gen_ai.request.system_instruction"]);

    [Fact]
    public void Completions_become_messages_and_an_empty_one_gives_way_to_the_next()
    {
        Assert.Equal(
            """[{"role":"assistant","content":"yo"}]""", Run(SampleSpan.Of(("gen_ai.completion", "yo")))["gen_ai.output.messages"]);
        var run = Run(SampleSpan.Of(("gen_ai.completion", "[]"), ("llm.output_messages", "yo")));
        Assert.Equal("""[{"role":"assistant","content":"yo"}]""", run["gen_ai.output.messages"]);
        Assert.False(run.IsInBag("gen_ai.completion"));
        Assert.True(Run(SampleSpan.Of(("gen_ai.completion", "yo"), ("gen_ai.output.messages", "m"))).IsInBag("gen_ai.completion"));
    }

    [Fact]
    public void Tokens_are_numbers_or_text_that_is_one()
    {
        var span = SampleSpan.Of(
            ("gen_ai.usage.input_tokens", "abc"), ("gen_ai.usage.prompt_tokens", " 0x10 "), ("gen_ai.usage.output_tokens", "5"));
        var run = Run(span.Number("gen_ai.usage.completion_tokens", 9));
        Assert.Equal(("16", "5"), (run["gen_ai.usage.input_tokens"], run["gen_ai.usage.output_tokens"]));
        Assert.False(run.IsInBag("gen_ai.usage.prompt_tokens"));
        Assert.True(run.IsInBag("gen_ai.usage.completion_tokens"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("Infinity")]
    [InlineData("1,5")]
    [InlineData("12n")]
    public void Text_that_is_no_number_is_taken_and_lost(string tokens)
    {
        var run = Run(SampleSpan.Of(("gen_ai.usage.input_tokens", tokens)));
        Assert.Null(run["gen_ai.usage.input_tokens"]);
    }

    [Fact]
    public void Parameters_of_the_call_are_set_where_they_are_numbers()
    {
        var run = Run(SampleSpan.Of((
            "llm.invocation_parameters", """{"temperature":"0.5","max_tokens":10,"top_p":true,"seed":null,"n":2,"stop":["a","",5]}""")));
        Assert.Equal(
            ("0.5", "10", null, null),
            (run["gen_ai.request.temperature"], run["gen_ai.request.max_tokens"], run["gen_ai.request.top_p"], run["gen_ai.request.seed"]));
        Assert.Equal(("2", """["a","5"]"""), (run["gen_ai.request.choice.count"], run["gen_ai.request.stop_sequences"]));
        run = Run(SampleSpan.Of(("llm.invocation_parameters", """{"n":1,"stop":"x"}""")));
        Assert.Equal((null, """["x"]"""), (run["gen_ai.request.choice.count"], run["gen_ai.request.stop_sequences"]));
        Assert.False(run.IsInBag("llm.invocation_parameters"));
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<GenAiCanonicaliser>(span);
}

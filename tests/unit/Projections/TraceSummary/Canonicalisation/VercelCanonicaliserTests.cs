namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class VercelCanonicaliserTests
{
    [Theory]
    [InlineData("ai.generateText", "llm")]
    [InlineData("ai.streamText", "llm")]
    [InlineData("ai.generateObject", "llm")]
    [InlineData("ai.streamObject", "llm")]
    [InlineData("ai.generateText.doGenerate", "llm")]
    [InlineData("ai.streamText.doStream", "llm")]
    [InlineData("ai.generateObject.doGenerate", "llm")]
    [InlineData("ai.streamObject.doStream", "llm")]
    [InlineData("ai.toolCall", "tool")]
    [InlineData("ai.embed", "component")]
    [InlineData("ai.embedMany", "component")]
    [InlineData("ai.embed.doEmbed", "component")]
    [InlineData("ai.embedMany.doEmbed", "component")]
    public void The_name_says_the_type_whatever_the_span_says(string name, string type) =>
        Assert.Equal(type, Run(SampleSpan.Of(("langwatch.span.type", "evaluation")) with { Name = name }).Type);

    [Fact]
    public void Other_names_say_nothing() => Assert.Null(Run(new SampleSpan { Name = "ai.streamText.doGenerate" }).Type);

    [Fact]
    public void Other_scopes_are_left_alone() =>
        Assert.Null(CanonicalRun.Of<VercelCanonicaliser>(new SampleSpan { Scope = "AI", Name = "ai.embed" }).Type);

    [Theory]
    [InlineData("""{"id":"gpt-4o","provider":"openai.chat"}""", "openai/gpt-4o")]
    [InlineData("""{"id":"gpt-4o","provider":".chat"}""", "gpt-4o")]
    [InlineData("""{"id":"gpt-4o","provider":" "}""", "gpt-4o")]
    [InlineData("""{"id":"gpt-4o","provider":5}""", "gpt-4o")]
    [InlineData("""{"id":" "}""", null)]
    [InlineData("""{"id":5}""", null)]
    [InlineData("gpt-4o", null)]
    public void The_model_is_named_by_provider_and_id(string model, string? expected)
    {
        var run = Run(SampleSpan.Of(("ai.model", model)));
        Assert.Equal((expected, expected), (run["gen_ai.request.model"], run["gen_ai.response.model"]));
        Assert.False(run.IsInBag("ai.model"));
    }

    [Fact]
    public void A_model_that_is_there_stays_and_the_other_is_taken_all_the_same()
    {
        var run = Run(SampleSpan.Of(("ai.model", """{"id":"x"}"""), ("gen_ai.response.model", "r")));
        Assert.Equal((null, "r"), (run["gen_ai.request.model"], run["gen_ai.response.model"]));
        Assert.False(run.IsInBag("ai.model"));
    }

    [Fact]
    public void Usage_gives_tokens()
    {
        var run = Run(SampleSpan.Of(("ai.usage", """{"promptTokens":"5","completionTokens":7}""")));
        Assert.Equal(("5", "7"), (run["gen_ai.usage.input_tokens"], run["gen_ai.usage.output_tokens"]));
        run = Run(SampleSpan.Of(("ai.usage", """{"promptTokens":true}""")));
        Assert.Null(run["gen_ai.usage.input_tokens"]);
        Assert.False(run.IsInBag("ai.usage"));
    }

    [Theory]
    [InlineData("hi", """[{"role":"user","content":"hi"}]""")]
    [InlineData("""{"prompt": "hi"}""", """{"prompt":"hi"}""")]
    [InlineData("""[{"message":{"role":"user"}}]""", """[{"message":{"role":"user"}}]""")]
    public void Prompts_become_messages(string prompt, string messages)
    {
        Assert.Equal(messages, Run(SampleSpan.Of(("ai.prompt", prompt)))["gen_ai.input.messages"]);
        var run = Run(SampleSpan.Of(("ai.prompt.messages", prompt), ("ai.prompt", "other")));
        Assert.Equal(messages, run["gen_ai.input.messages"]);
        Assert.True(run.IsInBag("ai.prompt"));
    }

    [Fact]
    public void A_prompt_of_another_kind_is_content() =>
        Assert.Equal("""[{"role":"user","content":5}]""", Run(new SampleSpan().Number("ai.prompt", 5))["gen_ai.input.messages"]);

    [Fact]
    public void Prompts_are_taken_for_nothing_when_there_are_messages()
    {
        var run = Run(SampleSpan.Of(("ai.prompt.messages", "a"), ("ai.prompt", "b"), ("gen_ai.input.messages", "m")));
        Assert.Equal("m", run["gen_ai.input.messages"]);
        Assert.False(run.IsInBag("ai.prompt"));
        Assert.False(run.IsInBag("ai.prompt.messages"));
    }

    [Theory]
    [InlineData("""{"text":"yo","toolCalls":[]}""", """[{"role":"assistant","content":"yo"},{"tool_calls":[]}]""")]
    [InlineData("""{"text":"","toolCalls":[1]}""", """[{"tool_calls":[1]}]""")]
    [InlineData("""{"text":"yo"}""", """[{"role":"assistant","content":"yo"}]""")]
    [InlineData("""{"object":1}""", null)]
    [InlineData("plain", """[{"role":"assistant","content":"plain"}]""")]
    [InlineData("", """[{"role":"assistant","content":""}]""")]
    [InlineData("[1]", null)]
    public void Responses_become_messages(string response, string? messages)
    {
        var run = Run(SampleSpan.Of(("ai.response", response)));
        Assert.Equal(messages, run["gen_ai.output.messages"]);
        Assert.False(run.IsInBag("ai.response"));
        Assert.Equal(messages, Run(SampleSpan.Of(("ai.response.text", response)))["gen_ai.output.messages"]);
    }

    [Fact]
    public void A_response_is_taken_for_nothing_when_there_are_messages()
    {
        var run = Run(SampleSpan.Of(("ai.response", "a"), ("ai.response.text", "b"), ("gen_ai.output.messages", "m")));
        Assert.Equal("m", run["gen_ai.output.messages"]);
        Assert.False(run.IsInBag("ai.response"));
        Assert.True(run.IsInBag("ai.response.text"));
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<VercelCanonicaliser>(span with { Scope = "ai" });
}

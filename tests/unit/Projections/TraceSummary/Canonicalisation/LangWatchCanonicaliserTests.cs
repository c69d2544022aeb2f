namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class LangWatchCanonicaliserTests
{
    [Theory]
    [InlineData("llm")]
    [InlineData("evaluation")]
    public void A_type_stays_in_the_bag_whether_it_is_a_known_one_or_not(string type)
    {
        var run = Run(SampleSpan.Of(("langwatch.span.type", type)));
        Assert.True(run.IsInBag("langwatch.span.type"));
        Assert.Equal(type, run.Type);
    }

    [Theory]
    [InlineData("langwatch.thread.id", "gen_ai.conversation.id")]
    [InlineData("langwatch.thread_id", "gen_ai.conversation.id")]
    [InlineData("thread_id", "gen_ai.conversation.id")]
    [InlineData("langwatch.langgraph.thread_id", "gen_ai.conversation.id")]
    [InlineData("langwatch.user_id", "langwatch.user.id")]
    [InlineData("user_id", "langwatch.user.id")]
    [InlineData("langwatch.customer_id", "langwatch.customer.id")]
    [InlineData("customer_id", "langwatch.customer.id")]
    [InlineData("langwatch.rag_contexts", "langwatch.rag.contexts")]
    [InlineData("langwatch.tags", "langwatch.labels")]
    [InlineData("langwatch.params", "langwatch.params")]
    public void Older_names_become_the_canonical_ones(string name, string canonical)
    {
        var run = Run(SampleSpan.Of((name, "x")));
        Assert.Equal("x", run[canonical]);
        Assert.False(run.IsInBag(name));
    }

    [Fact]
    public void Only_the_first_of_several_names_is_taken()
    {
        var run = Run(SampleSpan.Of(("thread_id", "b"), ("langwatch.thread.id", "a"), ("user_id", "v"), ("langwatch.user.id", "u")));
        Assert.Equal(("a", "u"), (run["gen_ai.conversation.id"], run["langwatch.user.id"]));
        Assert.True(run.IsInBag("thread_id"));
        Assert.True(run.IsInBag("user_id"));
    }

    [Fact]
    public void A_thread_that_is_no_text_is_taken_and_lost()
    {
        var run = Run(new SampleSpan().Number("langwatch.thread.id", 7).Number("langwatch.user.id", 5));
        Assert.Null(run["gen_ai.conversation.id"]);
        Assert.False(run.IsInBag("langwatch.thread.id"));
        Assert.Equal("5", run["langwatch.user.id"]);
    }

    [Fact]
    public void An_empty_thread_is_taken_and_lost_but_an_empty_user_is_kept()
    {
        var run = Run(SampleSpan.Of(("langwatch.thread.id", ""), ("langwatch.user.id", "")));
        Assert.Equal((null, ""), (run["gen_ai.conversation.id"], run["langwatch.user.id"]));
    }

    [Theory]
    [InlineData("""{"labels":["a",1],"user_id":"u","thread_id":"t","customer_id":"c"}""")]
    [InlineData("""{"labels":["a",1],"userId":"u","threadId":"t","customerId":"c"}""")]
    [InlineData(""" {"labels":["a",1],"user_id":null,"userId":"u","thread_id":"t","threadId":"x","customer_id":"c"} """)]
    public void Metadata_names_labels_and_identities(string metadata)
    {
        var run = Run(SampleSpan.Of(("metadata", metadata)));
        Assert.Equal(
            ("""["a",1]""", "u", "t", "c"),
            (run["langwatch.labels"], run["langwatch.user.id"], run["gen_ai.conversation.id"], run["langwatch.customer.id"]));
        Assert.True(run.IsInBag("metadata"));
    }

    [Theory]
    [InlineData("""{"labels":"a","user_id":"","userId":"u","thread_id":5,"customer_id":false}""")]
    [InlineData("not JSON {}")]
    [InlineData("[1]")]
    public void Metadata_of_other_kinds_names_nothing(string metadata)
    {
        var run = Run(SampleSpan.Of(("metadata", metadata)));
        Assert.Equal(
            (null, null, null, null),
            (run["langwatch.labels"], run["langwatch.user.id"], run["gen_ai.conversation.id"], run["langwatch.customer.id"]));
    }

    [Fact]
    public void Metadata_names_nothing_that_the_span_says_itself()
    {
        var run = Run(SampleSpan.Of(
            ("metadata", """{"labels":[],"user_id":"m","thread_id":"m","customer_id":"m"}"""),
            ("langwatch.tags", "l"),
            ("user_id", "u"),
            ("gen_ai.conversation.id", "t"),
            ("customer_id", "c")));
        Assert.Equal(
            ("l", "u", "t", "c"),
            (run["langwatch.labels"], run["langwatch.user.id"], run["gen_ai.conversation.id"], run["langwatch.customer.id"]));
    }

    [Fact]
    public void Chat_input_becomes_messages_and_makes_any_span_a_call_of_a_model()
    {
        const string Chat =
            """{"type":"chat_messages","value":[{"message":{"role":"system","content":"be nice"}},{"role":"user","content":"hi"}]}""";
        var run = Run(SampleSpan.Of(("langwatch.span.type", "evaluation"), ("langwatch.input", Chat)));
        Assert.Equal("""[{"role":"system","content":"be nice"},{"role":"user","content":"hi"}]""", run["gen_ai.input.messages"]);
        Assert.Equal("be nice", run["gen_ai.request.system_instruction"]);
        Assert.Equal(("llm", Chat), (run.Type, run["langwatch.input"]));
    }

    [Fact]
    public void Empty_chat_input_is_a_chat_all_the_same()
    {
        var run = Run(SampleSpan.Of(("langwatch.input", """{"type":"chat_messages","value":[]}""")));
        Assert.Equal(("[]", "llm"), (run["gen_ai.input.messages"], run.Type));
    }

    [Theory]
    [InlineData("""{"type":"text","value":"hi"}""", """{"type":"text","value":"hi"}""")]
    [InlineData("""{"type":"chat_messages", "value":"hi"}""", """{"type":"chat_messages", "value":"hi"}""")]
    [InlineData("""{"type":"json", "value":null}""", """{"type":"json", "value":null}""")]
    [InlineData("""["hi"]""", "hi")]
    [InlineData("[7]", "7")]
    [InlineData("""[{"a": 1}]""", """{"a":1}""")]
    [InlineData("""[["a", "b"]]""", """["a","b"]""")]
    [InlineData("[null]", null)]
    [InlineData("""{ "b":1.0, "10":"x" }""", """{"10":"x","b":1}""")]
    [InlineData("""["a", "b"]""", """["a","b"]""")]
    [InlineData(" plain [text", " plain [text")]
    [InlineData("{broken}", "{broken}")]
    public void Input_and_output_are_unwrapped_where_they_are_JSON(string raw, string? expected)
    {
        Assert.Equal(expected, Run(SampleSpan.Of(("langwatch.input", raw)))["langwatch.input"]);
        if (!raw.Contains("json", StringComparison.Ordinal))
        {
            Assert.Equal(expected, Run(SampleSpan.Of(("langwatch.output", raw)))["langwatch.output"]);
        }
    }

    [Fact]
    public void Chat_output_becomes_messages_and_is_the_output_too()
    {
        var run = Run(
            SampleSpan.Of(("langwatch.output", """{"type":"chat_messages","value":[{"message":{"role":"assistant","content":"yo"}}]}""")));
        Assert.Equal("""[{"role":"assistant","content":"yo"}]""", run["gen_ai.output.messages"]);
        Assert.Equal("""[{"role":"assistant","content":"yo"}]""", run["langwatch.output"]);
        Assert.Null(run.Type);
    }

    [Fact]
    public void Empty_chat_output_is_lost()
    {
        var run = Run(SampleSpan.Of(("langwatch.output", """{"type":"chat_messages","value":[]}""")));
        Assert.Equal((null, null), (run["gen_ai.output.messages"], run["langwatch.output"]));
    }

    [Fact]
    public void A_list_of_JSON_output_becomes_one_message()
    {
        const string Raw = """{"type":"json","value":["a",{"k":1}]}""";
        var run = Run(SampleSpan.Of(("langwatch.output", Raw)));
        Assert.Equal("""[{"role":"assistant","content":"a\n{\"k\":1}"}]""", run["gen_ai.output.messages"]);
        Assert.Equal(Raw, run["langwatch.output"]);
    }

    [Fact]
    public void Metrics_give_tokens_and_cost()
    {
        var run = Run(SampleSpan.Of((
            "langwatch.metrics",
            """{"type":"json","value":{"promptTokens":11,"completionTokens":3,"cost":0.1,"tokensEstimated":true}}""")));
        Assert.Equal(
            ("11", "3", "0.1", "true"),
            (
                run["gen_ai.usage.input_tokens"],
                run["gen_ai.usage.output_tokens"],
                run["langwatch.span.cost"],
                run["langwatch.tokens.estimated"]));
        Assert.False(run.IsInBag("langwatch.metrics"));
    }

    [Theory]
    [InlineData("""{"type":"json","value":{"promptTokens":0,"completionTokens":"3","cost":-1,"tokensEstimated":"true"}}""")]
    [InlineData("""{"promptTokens":11,"cost":1}""")]
    [InlineData("""{"type":"json","value":[]}""")]
    [InlineData("5")]
    public void Metrics_of_other_kinds_give_nothing_but_are_taken(string metrics)
    {
        var run = Run(SampleSpan.Of(("langwatch.metrics", metrics)));
        Assert.Equal(
            (null, null, null, null),
            (
                run["gen_ai.usage.input_tokens"],
                run["gen_ai.usage.output_tokens"],
                run["langwatch.span.cost"],
                run["langwatch.tokens.estimated"]));
        Assert.False(run.IsInBag("langwatch.metrics"));
    }

    [Fact]
    public void Metrics_do_not_replace_what_the_span_says_itself()
    {
        var run = Run(SampleSpan.Of(("langwatch.metrics", """{"type":"json","value":{"promptTokens":11,"cost":2}}"""))
            .Number("gen_ai.usage.input_tokens", 4)
            .Number("langwatch.span.cost", 1));
        Assert.Equal(("4", "1"), (run["gen_ai.usage.input_tokens"], run["langwatch.span.cost"]));
    }

    private static CanonicalRun Run(SampleSpan span) => CanonicalRun.Of<LangWatchCanonicaliser>(span);
}

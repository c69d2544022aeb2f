namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>How spans ended, and when their tokens came.</summary>
public sealed class SpanOutcomeTests
{
    [Theory]
    [InlineData("1", true, false)]
    [InlineData("\"STATUS_CODE_OK\"", true, false)]
    [InlineData("2", false, true)]
    [InlineData("2.0", false, true)]
    [InlineData("\"STATUS_CODE_ERROR\"", false, true)]
    [InlineData("0", false, false)]
    [InlineData("\"STATUS_CODE_UNSET\"", false, false)]
    [InlineData("3", false, false)]
    [InlineData("\"2\"", false, false)]
    [InlineData("null", false, false)]
    [InlineData("{}", false, false)]
    public void The_status_says_how_a_span_ended(string code, bool isOk, bool isError)
    {
        var trace = TraceFolding.Fold(new SampleSpan { Status = $$"""{"code":{{code}},"message":"m"}""" });
        Assert.Equal((isOk, isError, isError ? "m" : null), (trace.ContainsOKStatus, trace.ContainsErrorStatus, trace.ErrorMessage));
    }

    [Fact]
    public void The_message_is_that_of_status_then_attributes_then_exception()
    {
        var span = SampleSpan.Of(("exception.message", "x")).Event("exception", 0, ("exception.message", "e"));
        Assert.Equal("s", TraceFolding.Fold(span with { Status = """{"code":2,"message":"s"}""" }).ErrorMessage);
        Assert.Equal("x", TraceFolding.Fold(span with { Status = """{"code":2,"message":""}""" }).ErrorMessage);
        Assert.Equal("a", TraceFolding.Fold(span.Text("error.message", "a")).ErrorMessage);
        Assert.Equal("e", TraceFolding.Fold(span.Number("error.message", 5)).ErrorMessage);
        Assert.Equal("e", TraceFolding.Fold(span.Text("error.message", "")).ErrorMessage);
    }

    [Fact]
    public void An_empty_message_is_an_error_and_sticks()
    {
        var trace = TraceFolding.Fold(SampleSpan.Of(("error.message", "")), SampleSpan.Of(("error.message", "late")));
        Assert.Equal((true, ""), (trace.ContainsErrorStatus, trace.ErrorMessage));
    }

    [Fact]
    public void A_flag_makes_an_error_and_the_first_one_decides()
    {
        Assert.True(IsError(new SampleSpan().Flag("error.has_error", true)));
        Assert.True(IsError(SampleSpan.Of(("span.error.has_error", "true"))));
        Assert.False(IsError(SampleSpan.Of(("error.has_error", "True"))));
        Assert.False(IsError(new SampleSpan().Flag("error.has_error", false).Flag("span.error.has_error", true)));
    }

    [Fact]
    public void Only_the_first_exception_is_looked_at()
    {
        var trace = TraceFolding.Fold(
            new SampleSpan { Status = """{"code":1}""" }
                .Event("Exception")
                .Event("exception")
                .Event("exception", 0, ("exception.message", "second")));
        Assert.Equal((true, true, null), (trace.ContainsOKStatus, trace.ContainsErrorStatus, trace.ErrorMessage));
    }

    [Fact]
    public void Tokens_are_timed_from_the_start_of_the_span()
    {
        var trace = TraceFolding.Fold(
            new SampleSpan()
                .Event("first_token", 250)
                .Event("gen_ai.content.chunk", 300)
                .Event("gen_ai.content.chunk", 900)
                .Number("gen_ai.usage.output_tokens", 37));
        Assert.Equal((250, 900, 37), (trace.TimeToFirstTokenMs, trace.TimeToLastTokenMs, trace.TokensPerSecond));
        trace = TraceFolding.Fold(
            new SampleSpan().Event("llm.first_token", 5).Event("llm.last_token", 7).Event("last_token", 6).Event("other", 9),
            new SampleSpan().Event("first_token", 3).Event("last_token", 1));
        Assert.Equal((3, 7), (trace.TimeToFirstTokenMs, trace.TimeToLastTokenMs));
    }

    [Fact]
    public void A_time_that_is_none_sticks_when_it_comes_first()
    {
        var never = new SampleSpan().EventOf("first_token", "", "\"never\"");
        Assert.Equal(double.NaN, TraceFolding.Fold(never.Event("first_token", 5)).TimeToFirstTokenMs);
        Assert.Equal(
            5, TraceFolding.Fold(new SampleSpan().Event("first_token", 5).EventOf("first_token", "", "\"never\"")).TimeToFirstTokenMs);
        Assert.Equal(double.NaN, TraceFolding.Fold(new SampleSpan().Event("first_token", 5), never).TimeToFirstTokenMs);
    }

    [Fact]
    public void Events_that_became_messages_count_no_more() =>
        Assert.Null(TraceFolding.Fold(new SampleSpan { Scope = "strands.telemetry.tracer" }.Event("gen_ai.choice", 5)).TimeToFirstTokenMs);

    private static bool IsError(SampleSpan span) => TraceFolding.Fold(span).ContainsErrorStatus;
}

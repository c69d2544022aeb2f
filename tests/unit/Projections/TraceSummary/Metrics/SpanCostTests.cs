namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>Models, tokens and cost of spans.</summary>
public sealed class SpanCostTests
{
    [Fact]
    public void Models_are_each_named_once_in_the_order_of_their_units()
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.request.model", "b"), ("gen_ai.response.model", "a"), ("llm.model_name", "é"), ("ai.model", "B")),
            SampleSpan.Of(("gen_ai.response.model", "a"), ("gen_ai.request.model", "10"), ("llm.model_name", "")),
            SampleSpan.Of(("gen_ai.request.model", "9")).Number("gen_ai.response.model", 5));
        Assert.Equal(["10", "9", "B", "a", "b", "é"], trace.Models);
    }

    [Theory]
    [InlineData("gpt-4o", 0.0075)]
    [InlineData("openai/gpt-4o", 0.0075)]
    [InlineData("azure/gpt-4o", 0.0075)]
    [InlineData("a/gpt-4o/c", 0.0075)]
    [InlineData("llama-3.1-8b-instruct", 0.002)]
    [InlineData("GPT-4o", null)]
    [InlineData(" gpt-4o", null)]
    [InlineData("gpt-4o\n", null)]
    [InlineData("bedrock/openai/gpt-4o", null)]
    [InlineData("openai/", null)]
    [InlineData("embed", 0.0001)]
    public void Tokens_are_paid_for_by_the_price_table(string model, double? cost)
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.request.model", model))
                .Number("gen_ai.usage.input_tokens", 1000)
                .Number("gen_ai.usage.output_tokens", 500));
        Assert.Equal(
            (cost, 1000, 500, 500), (trace.TotalCost, trace.TotalPromptTokenCount, trace.TotalCompletionTokenCount, trace.TokensPerSecond));
    }

    [Fact]
    public void The_model_that_answered_is_paid_and_not_the_one_asked_for() => Assert.Equal(
        0.0025,
        TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.response.model", "gpt-4o"), ("gen_ai.request.model", "embed"))
                .Number("gen_ai.usage.input_tokens", 1000)).TotalCost);

    [Fact]
    public void Rates_of_the_tenant_beat_the_table_and_one_of_them_is_enough()
    {
        var call = SampleSpan.Of(("gen_ai.request.model", "gpt-4o"))
            .Number("gen_ai.usage.input_tokens", 1000)
            .Number("gen_ai.usage.output_tokens", 10);
        Assert.Equal(
            1.01,
            TraceFolding.Fold(
                call.Number("langwatch.model.inputCostPerToken", 0.001).Number("langwatch.model.outputCostPerToken", 0.001)).TotalCost);
        Assert.Equal(0.01, TraceFolding.Fold(call.Number("langwatch.model.outputCostPerToken", 0.001)).TotalCost);
        Assert.Equal(0.0026, TraceFolding.Fold(call.Text("langwatch.model.outputCostPerToken", "0.001")).TotalCost);
    }

    [Fact]
    public void Rates_of_zero_are_no_rates() => Assert.Equal(
        0.0025,
        TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.request.model", "gpt-4o"))
                .Number("gen_ai.usage.input_tokens", 1000)
                .Number("langwatch.model.inputCostPerToken", 0)
                .Number("langwatch.model.outputCostPerToken", 0)).TotalCost);

    [Fact]
    public void A_cost_that_the_span_states_counts_only_without_model_or_tokens()
    {
        var stated = new SampleSpan().Number("langwatch.span.cost", 2);
        Assert.Equal(2, TraceFolding.Fold(stated).TotalCost);
        Assert.Equal(2, TraceFolding.Fold(stated.Text("gen_ai.request.model", "gpt-4o")).TotalCost);
        Assert.Equal(2, TraceFolding.Fold(stated.Number("gen_ai.usage.input_tokens", 5)).TotalCost);
        Assert.Null(TraceFolding.Fold(stated.Text("gen_ai.request.model", "unknown").Number("gen_ai.usage.input_tokens", 5)).TotalCost);
        Assert.Null(TraceFolding.Fold(new SampleSpan().Number("langwatch.span.cost", -2)).TotalCost);
        Assert.Null(TraceFolding.Fold(SampleSpan.Of(("langwatch.span.cost", "2"))).TotalCost);
    }

    [Fact]
    public void Costs_are_rounded_at_every_span_and_flip_between_zero_and_none()
    {
        var tiny = new SampleSpan().Number("langwatch.span.cost", 4e-7);
        Assert.Equal(0, TraceFolding.Fold(tiny).TotalCost);
        Assert.Null(TraceFolding.Fold(tiny, new SampleSpan()).TotalCost);
        Assert.Equal(0, TraceFolding.Fold(tiny, tiny, tiny).TotalCost);
        Assert.Equal(0.007813, TraceFolding.Fold(new SampleSpan().Number("langwatch.span.cost", 0.0078125)).TotalCost);
        Assert.Equal(
            0.3,
            TraceFolding.Fold(
                new SampleSpan().Number("langwatch.span.cost", 0.1), new SampleSpan().Number("langwatch.span.cost", 0.2)).TotalCost);
    }

    [Fact]
    public void Tokens_add_up_and_older_names_count_when_the_newer_ones_are_not_positive()
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.usage.input_tokens", "0"))
                .Number("gen_ai.usage.prompt_tokens", 5)
                .Number("gen_ai.usage.completion_tokens", 1.5),
            new SampleSpan().Number("gen_ai.usage.input_tokens", 2).Number("gen_ai.usage.output_tokens", -3));
        Assert.Equal((7, 1.5), (trace.TotalPromptTokenCount, trace.TotalCompletionTokenCount));
        trace = TraceFolding.Fold(new SampleSpan().Number("gen_ai.usage.output_tokens", -3));
        Assert.Equal((null, null), (trace.TotalPromptTokenCount, trace.TotalCompletionTokenCount));
    }

    [Fact]
    public void A_guess_of_one_span_makes_the_tokens_of_the_trace_a_guess()
    {
        Assert.True(TraceFolding.Fold(new SampleSpan().Flag("langwatch.tokens.estimated", true), new SampleSpan()).TokensEstimated);
        Assert.False(TraceFolding.Fold(SampleSpan.Of(("langwatch.tokens.estimated", "true"))).TokensEstimated);
    }
}

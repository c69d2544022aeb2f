namespace ProjectionReplay.Projections.TraceSummary.Canonicalisation;

public sealed class HaystackCanonicaliserTests
{
    private const string Documents =
        """[{"document":{"id":"d1","content":"one"}},{"document":{"id":"","content":"two"}},"""
        + """{"document":{"content":""}},{"content":"x"},5]""";

    [Fact]
    public void Documents_become_contexts_of_a_retrieval()
    {
        var run = Run(SampleSpan.Of(("retrieval.documents", Documents)));
        Assert.Equal("""[{"document_id":"d1","content":"one"},{"content":"two"}]""", run["langwatch.rag.contexts"]);
        Assert.Equal("rag", run.Type);
        Assert.True(run.IsInBag("retrieval.documents"));
    }

    [Fact]
    public void A_type_that_is_there_stays() =>
        Assert.Equal("x", Run(SampleSpan.Of(("retrieval.documents", Documents), ("langwatch.span.type", "x"))).Type);

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("text")]
    [InlineData("""[{"document":{}}]""")]
    public void Other_documents_are_nothing(string documents)
    {
        var run = Run(SampleSpan.Of(("retrieval.documents", documents)));
        Assert.Equal((null, null), (run["langwatch.rag.contexts"], run.Type));
    }

    [Fact]
    public void Others_are_left_alone() =>
        Assert.Null(
            CanonicalRun.Of<HaystackCanonicaliser>(SampleSpan.Of(("retrieval.documents", Documents)) with { Scope = "haystack" }).Type);

    private static CanonicalRun Run(SampleSpan span) =>
        CanonicalRun.Of<HaystackCanonicaliser>(span with { Scope = "openinference.instrumentation.haystack" });
}

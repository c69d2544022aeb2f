using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

public sealed class IndexedAttributesTests
{
    [Theory]
    [InlineData("""{"m.0.c.1.t":"B","m.0.c.0.t":"A","m.0.n":5}""", """{"m":[{"c":{"0":{"t":"A"},"1":{"t":"B"}},"n":5}]}""")]
    [InlineData("""{"a.007.x":"1"}""", """{"a.7.x":"1"}""")]
    [InlineData("""{"b.00.x":"1","b.0.x":"2"}""", """{"b":[{"x":"2"}]}""")]
    [InlineData("""{"a.2.x":"1","a.1.x":"2","z":"3","a.2.w":"4"}""", """{"z":"3","a.2.x":"1","a.2.w":"4","a.1.x":"2"}""")]
    [InlineData("""{"a.0.x":1,"a.1.y":2}""", """{"a.0.x":1,"a.1.y":2}""")]
    [InlineData("""{"a.1.x":2,"a.0.x":1}""", """{"a":[{"x":1},{"x":2}]}""")]
    [InlineData("""{"a":"old","z":1,"a.0.x":1}""", """{"a":[{"x":1}],"z":1}""")]
    [InlineData("""{"0.1.2":"v"}""", """{"0.1.2":"v"}""")]
    [InlineData("""{"0.0.2":"v"}""", """{"0":[{"2":"v"}]}""")]
    [InlineData("""{"a.0.1.x":"v"}""", """{"a":[{"1":{"x":"v"}}]}""")]
    [InlineData("""{"a.0.x..y":"v"}""", """{"a":[{"x":{"":{"y":"v"}}}]}""")]
    [InlineData("""{"a.0":1,"a.0.":2,".0.x":3,"a.b":4,"a.x.0":5}""", """{"a.0":1,"a.0.":2,".0.x":3,"a.b":4,"a.x.0":5}""")]
    [InlineData("""{"a\n.0.x":1}""", """{"a\n.0.x":1}""")]
    [InlineData("""{"a.0.b.c":1,"a.0.b":2}""", """{"a":[{"b":2}]}""")]
    [InlineData("""{"a.0.b":[],"a.0.b.c":2}""", """{"a":[{"b":[]}]}""")]
    [InlineData("""{"a.1000000000000000000000.x":1}""", """{"a.1e+21.x":1}""")]
    [InlineData("{}", "{}")]
    public void Attributes_of_a_list_are_put_together(string attributes, string expected)
    {
        var rebuilt = IndexedAttributes.Rebuild(EcmaScriptJson.Parse(attributes).Record, JsonPath.Of("a"));
        var shown = new EcmaScriptRecord();
        foreach (var (key, value) in rebuilt)
        {
            shown.Set(key, value.Kind == EcmaScriptKind.Text && value.Text.StartsWith('[') ? EcmaScriptJson.Parse(value.Text) : value);
        }

        Assert.Equal(expected, EcmaScriptJson.Stringify(EcmaScriptValue.From(shown)));
    }

    [Fact]
    public void A_member_that_is_a_value_and_an_object_is_a_fault()
    {
        var fault = Assert.Throws<MalformedSpanException>(
            () => IndexedAttributes.Rebuild(EcmaScriptJson.Parse("""{"a.0.b":1,"a.0.b.c":2}""").Record, JsonPath.Of("span.attributes")));
        Assert.Equal("span.attributes", fault.Path);
        Assert.Contains("'a.0'", fault.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Indexed_attributes_of_a_span_are_messages()
    {
        var trace = TraceFolding.Fold(
            SampleSpan.Of(("gen_ai.prompt.0.role", "user"), ("gen_ai.prompt.0.content", "hi"), ("gen_ai.completion.0.content", "yo")));
        Assert.Equal("""[{"role":"user","content":"hi"}]""", trace.ComputedInput);
        Assert.Equal("""[{"content":"yo"}]""", trace.ComputedOutput);
    }
}

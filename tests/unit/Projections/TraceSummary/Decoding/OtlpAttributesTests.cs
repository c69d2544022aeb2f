using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>How attribute lists are decoded, seen at a list of one.</summary>
public sealed class OtlpAttributesTests
{
    [Theory]
    [InlineData("""{"stringValue":""}""", "\"\"")]
    [InlineData("""{"stringValue":"x","intValue":5}""", "\"x\"")]
    [InlineData("""{"stringValue":null,"boolValue":false}""", "false")]
    [InlineData("""{"stringValue":5,"boolValue":true}""", "true")]
    [InlineData("""{"boolValue":"TRUE"}""", "true")]
    [InlineData("""{"boolValue":" true"}""", "false")]
    [InlineData("""{"boolValue":0}""", "0")]
    [InlineData("""{"intValue":0}""", null)]
    [InlineData("""{"intValue":"0"}""", "0")]
    [InlineData("""{"intValue":""}""", null)]
    [InlineData("""{"intValue":"12x"}""", "12")]
    [InlineData("""{"intValue":"9007199254740993"}""", "9007199254740992")]
    [InlineData("""{"intValue":"x"}""", "null")]
    [InlineData("""{"intValue":1.5}""", "1.5")]
    [InlineData("""{"intValue":{"high":-1,"low":-5}}""", "-5")]
    [InlineData("""{"intValue":{"high":1,"low":-1}}""", "8589934591")]
    [InlineData("""{"intValue":{"high":0,"low":0}}""", "0")]
    [InlineData("""{"intValue":{"low":5}}""", null)]
    [InlineData("""{"doubleValue":0}""", null)]
    [InlineData("""{"doubleValue":"0"}""", "0")]
    [InlineData("""{"doubleValue":"1e3x"}""", "1000")]
    [InlineData("""{"doubleValue":"Infinity"}""", "null")]
    [InlineData("""{"doubleValue":0.1}""", "0.1")]
    [InlineData("""{"bytesValue":"AQI="}""", "\"0102\"")]
    [InlineData("""{"bytesValue":"-_8 !"}""", "\"fbff\"")]
    [InlineData("""{"bytesValue":""}""", null)]
    [InlineData("""{"bytesValue":{"0":1}}""", null)]
    [InlineData("""{"bytesValue":[1,"a",null,{}]}""", """[1,"a"]""")]
    [InlineData("""{"arrayValue":{}}""", "[]")]
    [InlineData("""{"arrayValue":{"values":null}}""", "[]")]
    [InlineData("""{"arrayValue":{"values":[]}}""", "\"[]\"")]
    [InlineData("""{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"7"}]}}""", """
        "[\"a\",7]"
        """)]
    [InlineData("{}", null)]
    [InlineData("[]", null)]
    [InlineData("""{"kvlistValue":{"values":[]}}""", null)]
    public void A_value_is_the_first_kind_that_applies(string value, string? expected)
    {
        Assert.Equal(expected is null ? "{}" : $$"""{"k":{{expected}}}""", Decode($$"""[{"key":"k","value":{{value}}}]"""));

        // The reader of plain attributes must come to the same.
        var run = CanonicalRun.OfAll(new SampleSpan().Value("thread_id", "{}").Value("error.type", value));
        Assert.Equal(
            expected is null ? null : EcmaScriptJson.Parse(expected) is { Kind: EcmaScriptKind.Text } text ? text.Text : expected,
            run["error.type"]);
    }

    [Fact]
    public void Elements_of_an_array_that_are_no_scalars_stand_there_as_they_were() => Assert.Equal(
        """["x",{"intValue":0},false,7,"[\"y\"]","""
        + """{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}},{},{"type":"Buffer","data":[1,2]},null]""",
        Text("""
            {"arrayValue":{"values":[{"stringValue":"x"},{"intValue":0},{"boolValue":false},{"intValue":"7"},
            {"arrayValue":{"values":[{"stringValue":"y"}]}},
            {"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}},{},{"bytesValue":"AQI="},{"intValue":"zz"}]}}
            """));

    [Fact]
    public void Lists_of_pairs_become_attributes_with_dotted_names() => Assert.Equal(
        """{"k.a":"1","k.b.c":2,"k.":true,"k.undefined":"u"}""",
        Decode("""
            [{"key":"k","value":{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"1"}},
            {"key":"b","value":{"kvlistValue":{"values":[{"key":"c","value":{"intValue":2}}]}}},
            {"key":"","value":{"boolValue":true}},{"value":{"stringValue":"u"}},{"key":"gone","value":{"intValue":0}}]}}}]
            """));

    [Theory]
    [InlineData(
        """[null,5,"x",{},{"key":"","value":{"stringValue":"x"}},"""
            + """{"key":"k"},{"key":"k","value":null},{"key":"k","value":0},{"key":"k","value":""}]""",
        "{}")]
    [InlineData(
        """[{"key":"a","value":{"stringValue":"1"}},{"key":"b","value":{"stringValue":"2"}},{"key":"a","value":{"stringValue":"3"}}]""",
        """{"a":"3","b":"2"}""")]
    [InlineData("""[{"key":"a","key":"b","value":{"stringValue":"1","stringValue":"2"}}]""", """{"b":"2"}""")]
    [InlineData("null", "{}")]
    public void Entries_without_key_or_value_are_passed_over_and_the_last_of_a_key_counts(string list, string expected) =>
        Assert.Equal(expected, Decode(list));

    [Theory]
    [InlineData("""[{"key":"k","value":"x"}]""", "a[0].value", "must be an object")]
    [InlineData("""[{"key":5,"value":{"stringValue":"x"}}]""", "a[0].key", "must be a string")]
    [InlineData("""[{},{"key":"k","value":{"arrayValue":{"values":[{},null]}}}]""", "a[1].value.arrayValue.values[1]", "must be an object")]
    [InlineData("""[{"key":"k","value":{"arrayValue":{"values":"x"}}}]""", "a[0].value.arrayValue.values", "must be an array")]
    [InlineData("""[{"key":"k","value":{"kvlistValue":{}}}]""", "a[0].value.kvlistValue.values", "must be an array")]
    [InlineData("""[{"key":"k","value":{"kvlistValue":{"values":[null]}}}]""", "a[0].value.kvlistValue.values[0]", "must be an object")]
    [InlineData(
        """[{"key":"k","value":{"kvlistValue":{"values":[{"key":"a"}]}}}]""", "a[0].value.kvlistValue.values[0].value", "is missing")]
    [InlineData("""[{"key":"k","value":{"intValue":{"high":0.5,"low":1}}}]""", "a[0].value.intValue.high", "must be an integer")]
    [InlineData("\"x\"", "a", "must be an array")]
    public void What_is_no_attribute_is_named_with_its_place(string list, string path, string problem)
    {
        var fault = Assert.Throws<MalformedSpanException>(() => Decode(list));
        Assert.Equal((path, problem), (fault.Path, fault.Problem));
    }

    [Fact]
    public void Arrays_nested_beyond_reason_are_refused()
    {
        var nested = string.Concat(Enumerable.Repeat("""{"arrayValue":{"values":[""", 200)) + string.Concat(Enumerable.Repeat("]}}", 200));
        Assert.Contains(
            "nested too deeply",
            Assert.Throws<MalformedSpanException>(() => Decode($$"""[{"key":"k","value":{{nested}}}]""")).Problem,
            StringComparison.Ordinal);
        var opening = Enumerable.Repeat("""{"kvlistValue":{"values":[{"key":"k","value":""", 100_000);
        var pairs = string.Concat([.. opening, "{}", .. Enumerable.Repeat("}]}}", 100_000)]);
        Assert.Contains(
            "nested too deeply",
            Assert.Throws<MalformedSpanException>(() => Decode($$"""[{"key":"k","value":{{pairs}}}]""")).Problem,
            StringComparison.Ordinal);
    }

    private static string Text(string value) => EcmaScriptJson.Parse(Decode($$"""[{"key":"k","value":{{value}}}]""")).Record[0].Value.Text;

    private static string Decode(string list) =>
        EcmaScriptJson.Stringify(EcmaScriptValue.From(OtlpAttributes.Decode(EcmaScriptJson.Parse(list), JsonPath.Of("a"))));
}

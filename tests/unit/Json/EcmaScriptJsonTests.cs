using System.Text;
using CsCheck;

namespace ProjectionReplay.Json;

public sealed class EcmaScriptJsonTests
{
    /// <summary>Any JSON value, with keys that tend to collide and to look like array indices.</summary>
    private static readonly Gen<EcmaScriptValue> AnyValue = Gen.Recursive<EcmaScriptValue>((depth, nested) =>
    {
        var scalar = Gen.OneOf(
            Gen.Const(EcmaScriptValue.Null),
            Gen.Bool.Select(EcmaScriptValue.From),
            Gen.Double.Select(EcmaScriptValue.From),
            Gen.Char.Array[0, 8].Select(characters => EcmaScriptValue.From(new string(characters))));
        if (depth > 3) return scalar;
        var key = Gen.OneOf(Gen.Int[0, 20].Select(number => $"{number}"), Gen.Char['a', 'e'].Select(letter => $"{letter}"));
        return Gen.OneOf(
            scalar,
            nested.List[0, 5].Select(EcmaScriptValue.From),
            Gen.Select(key, nested).List[0, 8].Select(members =>
            {
                var record = new EcmaScriptRecord();
                foreach (var (name, value) in members) record.Set(name, value);
                return EcmaScriptValue.From(record);
            }));
    });

    [Theory]
    [InlineData(""" { "a" : [ 1 , 2.50 , true , null ] } """, """{"a":[1,2.5,true,null]}""")]
    [InlineData("\t\r\n [ ] ", "[]")]
    [InlineData("{ }", "{}")]
    [InlineData("\"\"", "\"\"")]
    [InlineData("[[[]],{\"a\":{}}]", "[[[]],{\"a\":{}}]")]
    public void White_space_is_dropped(string json, string expected) => AssertCanonical(expected, json);

    [Theory]
    [InlineData("""{"b":1,"a":2}""", """{"b":1,"a":2}""")]
    [InlineData("""{"b":1,"10":2,"2":3,"a":4,"0":5}""", """{"0":5,"2":3,"10":2,"b":1,"a":4}""")]
    [InlineData("""{"4294967295":1,"4294967294":2,"99999999999":3}""", """{"4294967294":2,"4294967295":1,"99999999999":3}""")]
    [InlineData(
        """{"01":1,"-1":2,"1.5":3,"1e1":4," 1":5,"٣":6,"":7,"1":8}""", """{"1":8,"01":1,"-1":2,"1.5":3,"1e1":4," 1":5,"٣":6,"":7}""")]
    [InlineData("""[{"x":{"b":0,"1":{"c":0,"0":0}}}]""", """[{"x":{"1":{"0":0,"c":0},"b":0}}]""")]
    public void Keys_that_are_array_indices_come_first(string json, string expected) => AssertCanonical(expected, json);

    [Theory]
    [InlineData("""{"a":1,"b":2,"a":3}""", """{"a":3,"b":2}""")]
    [InlineData("""{"1":1,"0":2,"1":[]}""", """{"0":2,"1":[]}""")]
    [InlineData("""{"a":1,"\u0061":null}""", """{"a":null}""")]
    [InlineData("""{"__proto__":1,"constructor":2}""", """{"__proto__":1,"constructor":2}""")]
    public void A_key_that_stands_twice_keeps_its_first_place_and_its_last_value(string json, string expected) =>
        AssertCanonical(expected, json);

    [Theory]
    [InlineData("12345678901234567890", "12345678901234567000")]
    [InlineData("1E400", "null")]
    [InlineData("-1e99999999999999999999", "null")]
    [InlineData("1e-400", "0")]
    [InlineData("-0", "0")]
    [InlineData("-0.0", "0")]
    [InlineData("1.0", "1")]
    [InlineData("1e2", "100")]
    [InlineData("1E+21", "1e+21")]
    [InlineData("0.0000001", "1e-7")]
    [InlineData("0.1e1", "1")]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("9007199254740992.9999999999999999999999999999999999999", "9007199254740992")]
    [InlineData("9007199254740993.0000000000000000000000000000000000001", "9007199254740994")]
    public void Numbers_become_doubles_and_are_written_as_JavaScript_does(string json, string expected) => AssertCanonical(expected, json);

    [Theory]
    [InlineData("""
        "\u0041\/\"\\\b\f\n\r\t"
        """, """
        "A/\"\\\b\f\n\r\t"
        """)]
    [InlineData("""
        "\u0000\u001F\u007f\u0080\u2028\u2029\ufeff</script>&'+é\u00e9"
        """, "\"\\u0000\\u001f\u007f\u0080\u2028\u2029\ufeff</script>&'+éé\"")]
    [InlineData("""
        "\ud83d\ude00 😀"
        """, "\"😀 😀\"")]
    [InlineData("""
        "\uD83D x \uDE00\uD83D"
        """, """
        "\ud83d x \ude00\ud83d"
        """)]
    [InlineData("""
        "\udfff\udbff\ud800\udc00"
        """, "\"\\udfff\\udbff\U00010000\"")]
    public void Text_is_escaped_only_where_it_must_be(string json, string expected) => AssertCanonical(expected, json);

    [Fact]
    public void A_raw_lone_surrogate_is_written_as_an_escape() =>
        Assert.Equal("""["a\ud83db","\ude00"]""", EcmaScriptJson.Canonicalize("[\"a\ud83db\",\"\ude00\"]"));

    [Fact]
    public void Bytes_that_are_not_UTF8_become_replacement_characters() =>
        Assert.Equal("\"a\ufffdb\"", EcmaScriptJson.Canonicalize([(byte)'"', (byte)'a', 0xFF, (byte)'b', (byte)'"']));

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("\ufeff1")]
    [InlineData("1 2")]
    [InlineData("[1,]")]
    [InlineData("[,1]")]
    [InlineData("[1 2]")]
    [InlineData("[1}")]
    [InlineData("[")]
    [InlineData("[1")]
    [InlineData("]")]
    [InlineData("{\"a\"}")]
    [InlineData("{\"a\":}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{a:1}")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":1]")]
    [InlineData("{\"a\" 1}")]
    [InlineData("{1:1}")]
    [InlineData("01")]
    [InlineData("-01")]
    [InlineData("00")]
    [InlineData("+1")]
    [InlineData("-")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("0x10")]
    [InlineData("1_000")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    [InlineData("tru")]
    [InlineData("truee")]
    [InlineData("True")]
    [InlineData("nul")]
    [InlineData("undefined")]
    [InlineData("\"a")]
    [InlineData("\"\\\"")]
    [InlineData("\"\\x41\"")]
    [InlineData("\"\\u12\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("\"\\u+123\"")]
    [InlineData("\"\\u 123\"")]
    [InlineData("\"\t\"")]
    [InlineData("\"\u001f\"")]
    [InlineData("\"\n\"")]
    [InlineData("[1] // one")]
    [InlineData("/**/1")]
    [InlineData("\u00a01")]
    [InlineData("\v1")]
    public void What_JavaScript_refuses_is_refused(string json) =>
        Assert.Throws<FormatException>(() => EcmaScriptJson.Canonicalize(json));

    [Fact]
    public void A_refusal_quotes_nothing_of_the_text()
    {
        var exception = Assert.Throws<FormatException>(() => EcmaScriptJson.Canonicalize("""{"secret":hush}"""));
        Assert.Equal("Not valid JSON at character 10.", exception.Message);
    }

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"b\":1,\"0\":", "}")]
    public void Nesting_may_be_very_deep(string open, string close)
    {
        const int Depth = 100_000;
        var json = string.Concat(Enumerable.Repeat(open, Depth)) + "1" + string.Concat(Enumerable.Repeat(close, Depth));
        var canonical = EcmaScriptJson.Canonicalize(json);
        Assert.Equal(json.Length, canonical.Length);
        Assert.Equal(canonical, EcmaScriptJson.Canonicalize(canonical));
    }

    [Fact]
    public void Canonical_text_stays_as_it_is() =>
        AnyValue.Sample(value =>
        {
            var once = EcmaScriptJson.Stringify(value);
            return EcmaScriptJson.Canonicalize(once) == once;
        });

    private static void AssertCanonical(string expected, string json)
    {
        Assert.Equal(expected, EcmaScriptJson.Canonicalize(json));
        Assert.Equal(expected, EcmaScriptJson.Canonicalize(Encoding.UTF8.GetBytes(json)));
    }
}

using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Golden;

namespace ProjectionReplay.Projections;

public sealed class PayloadTests
{
    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField Name = Fields.Add("name");
    private static readonly PayloadField Score = Fields.Add("score");
    private static readonly PayloadField Passed = Fields.Add("passed");
    private static readonly PayloadField Items = Fields.Add("items");
    private static readonly PayloadField Inner = Fields.Add("inner");

    private static readonly PayloadFields InnerFields = new("inner");
    private static readonly PayloadField InnerName = InnerFields.Add("name");

    private static readonly PayloadFields ItemFields = new("items[]");
    private static readonly PayloadField ItemName = ItemFields.Add("name");

    private delegate T Reading<T>(in PayloadValues payload);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"name":null,"score":null,"passed":null,"items":null,"inner":null}""")]
    [InlineData("""{"NAME":"x","Score":1,"other":{"name":"x","score":[1]}}""")]
    public void An_absent_field_and_a_null_are_the_same(string json)
    {
        Assert.False(Read(json, (in payload) => payload.Has(Name)));
        Assert.Null(Read(json, (in payload) => payload.Text(Name)));
        Assert.Null(Read(json, (in payload) => payload.Number(Score)));
        Assert.Null(Read(json, (in payload) => payload.Flag(Passed)));
        Assert.True(Read(json, (in payload) => payload.ArrayJson(Items).IsEmpty));
        Assert.Null(Read(json, (in payload) => payload.Nested(Inner, InnerFields).Text(InnerName)));
        Assert.Empty(Read(json, NamesOfItems));
    }

    [Theory]
    [InlineData("""{"name":1,"name":"x"}""")]
    [InlineData("""{"n\u0061me":"x"}""")]
    [InlineData("""{"\ud800":1,"name":"x","\udc00name":2}""")]
    [InlineData(""" { "a" : [ [ {} ] ] , "name" : "x" } """)]
    public void The_last_field_of_a_name_counts(string json) =>
        Assert.Equal("x", Read(json, (in payload) => payload.Text(Name)));

    [Theory]
    [InlineData(@"", "")]
    [InlineData(@"é😀", "é😀")]
    [InlineData(@"\u0041\/\""\\\b\f\n\r\t", "A/\"\\\b\f\n\r\t")]
    [InlineData(@"é\ud83d\ude00é", "é😀é")]
    public void Text_is_decoded(string json, string expected) =>
        Assert.Equal(expected, Read($$"""{"name":"{{json}}"}""", (in payload) => payload.Text(Name)));

    [Fact]
    public void Lone_surrogates_are_kept() =>
        Assert.Equal("a\ud83d \ude00", Read("""{"name":"a\ud83d \ude00"}""", (in payload) => payload.Text(Name)));

    [Fact]
    public void Long_text_is_decoded_too()
    {
        var text = new string('é', 3000);
        Assert.Equal(text + "\n" + text, Read($$"""{"name":"{{text}}\n{{text}}"}""", (in payload) => payload.Text(Name)));
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_become_replacement_characters()
    {
        var row = SampleEvent.Of("sample.happened", "") with { Payload = [.. "{\"name\":\"a"u8, 0xFF, .. "\\n\"}"u8] };
        Assert.Equal("a\ufffd\n", Fields.Read(row.ToReplayEvent()).Text(Name));
    }

    [Theory]
    [InlineData("1", 1d)]
    [InlineData("-0.5e-3", -0.0005)]
    [InlineData("9007199254740993", 9007199254740992d)]
    [InlineData("1e400", double.PositiveInfinity)]
    public void Numbers_are_doubles(string json, double expected) =>
        Assert.Equal(expected, Read($$"""{"score":{{json}}}""", (in payload) => payload.Number(Score)));

    [Theory]
    [InlineData("""{"name":1}""", "name", "must be a string but is a number")]
    [InlineData("""{"name":{"a":1}}""", "name", "must be a string but is an object")]
    [InlineData("""{"score":"1"}""", "score", "must be a number but is a string")]
    [InlineData("""{"score":true}""", "score", "must be a number but is true or false")]
    [InlineData("""{"passed":0}""", "passed", "must be true or false but is a number")]
    [InlineData("""{"items":{}}""", "items", "must be an array but is an object")]
    [InlineData("""{"items":[{},1]}""", "items[]", "must be an object but is a number")]
    [InlineData("""{"items":[null]}""", "items[]", "must be an object but is null")]
    [InlineData("""{"items":[{"name":[]}]}""", "items[].name", "must be a string but is an array")]
    [InlineData("""{"inner":[]}""", "inner", "must be an object but is an array")]
    [InlineData("""{"inner":{"name":false}}""", "inner.name", "must be a string but is true or false")]
    [InlineData("[]", "$", "must be an object but is an array")]
    [InlineData("null", "$", "must be an object but is null")]
    [InlineData("\"x\"", "$", "must be an object but is a string")]
    [InlineData("", "$", "is empty")]
    [InlineData(" ", "$", "is not valid JSON (line 1, byte 2)")]
    [InlineData("{", "$", "is not valid JSON (line 1, byte 2)")]
    [InlineData("{\"a\":1}\n}", "$", "is not valid JSON (line 2, byte 1)")]
    [InlineData("""{"a":1,}""", "$", "is not valid JSON (line 1, byte 8)")]
    [InlineData("""{"a":hush}""", "$", "is not valid JSON (line 1, byte 6)")]
    [InlineData("[hush]", "$", "is not valid JSON (line 1, byte 2)")]
    [InlineData("""{"a":"\x"}""", "$", "is not valid JSON (line 1, byte 8)")]
    [InlineData("""{} //""", "$", "is not valid JSON (line 1, byte 4)")]
    public void An_invalid_payload_names_the_field_and_quotes_nothing(string json, string field, string problem)
    {
        var row = SampleEvent.Of("sample.happened", json);
        var exception = Assert.Throws<InvalidEventPayloadException>(() => ReadAll(Fields.Read(row.ToReplayEvent())));
        Assert.Equal((row.EventId, "sample.happened", field), (exception.EventId, exception.EventType, exception.Field));
        Assert.Equal($"Event '{row.EventId}' of type 'sample.happened' cannot be folded: '{field}' {problem}.", exception.Message);
        Assert.Null(exception.InnerException);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"name":null,"score":null,"items":null}""")]
    public void A_required_field_must_be_there(string json)
    {
        AssertMissing(() => Read(json, (in payload) => payload.RequiredText(Name)), "name");
        AssertMissing(() => Read(json, (in payload) => payload.RequiredTextUnlessKnown(Name, "known")), "name");
        AssertMissing(() => Read(json, (in payload) => payload.RequiredNumber(Score)), "score");
        AssertMissing(() => Read(json, (in payload) => payload.RequiredArrayJson(Items).Length), "items");

        static void AssertMissing(Action read, string field)
        {
            var exception = Assert.Throws<InvalidEventPayloadException>(read);
            Assert.Equal(field, exception.Field);
            Assert.EndsWith("is missing.", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_field_whose_value_is_known_already_is_checked_all_the_same()
    {
        Assert.Equal("known", Read("""{"name":"x"}""", (in payload) => payload.TextUnlessKnown(Name, "known")));
        Assert.Equal("x", Read("""{"name":"x"}""", (in payload) => payload.RequiredTextUnlessKnown(Name, "")));
        Assert.Throws<InvalidEventPayloadException>(() => Read("""{"name":1}""", (in payload) => payload.TextUnlessKnown(Name, "known")));
        Assert.Throws<InvalidEventPayloadException>(
            () => Read("""{"name":1}""", (in payload) => payload.RequiredTextUnlessKnown(Name, "known")));
    }

    [Fact]
    public void Objects_and_arrays_inside_are_read_in_order()
    {
        const string Json = """{"inner":{"x":[{}],"name":"deep"},"items":[{"name":"a"},{},{"name":"b","name":"c"}]}""";
        Assert.Equal("deep", Read(Json, (in payload) => payload.Nested(Inner, InnerFields).Text(InnerName)));
        Assert.Equal(["a", null, "c"], Read(Json, NamesOfItems));
        Assert.Equal(
            """[{"name":"a"},{},{"name":"b","name":"c"}]""", Read(Json, (in payload) => Encoding.UTF8.GetString(payload.ArrayJson(Items))));
    }

    [Fact]
    public void Nesting_may_be_very_deep()
    {
        const int Depth = 100_000;
        var nested = string.Concat(Enumerable.Repeat("[", Depth)) + string.Concat(Enumerable.Repeat("]", Depth));
        Assert.Equal("x", Read($$"""{"other":{{nested}},"name":"x","items":{{nested}}}""", (in payload) => payload.Text(Name)));
    }

    [Fact]
    public void A_set_holds_only_so_many_fields()
    {
        var fields = new PayloadFields();
        for (var i = 0; i < PayloadFields.MaxCount; i++) fields.Add($"field{i}");
        Assert.Throws<InvalidOperationException>(() => fields.Add("one too many"));
    }

    private static T Read<T>(string json, Reading<T> read) => read(Fields.Read(SampleEvent.Of("sample.happened", json).ToReplayEvent()));

    private static List<string?> NamesOfItems(in PayloadValues payload)
    {
        var names = new List<string?>();
        foreach (var item in payload.Items(Items, ItemFields)) names.Add(item.Text(ItemName));
        return names;
    }

    private static void ReadAll(in PayloadValues payload)
    {
        payload.Text(Name);
        payload.Number(Score);
        payload.Flag(Passed);
        payload.Nested(Inner, InnerFields).Text(InnerName);
        NamesOfItems(payload);
    }
}

using System.Text;
using CsCheck;
using ProjectionReplay.Events;

namespace ProjectionReplay.Projections;

/// <summary>The scan and the reader behind it must not be told apart, whatever the payload.</summary>
public sealed class PayloadScanTests
{
    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField[] All = [.. new[] { "a", "b", "ab", "", "é", "evaluationId" }.Select(Fields.Add)];

    private static readonly Gen<string> Space = Gen.Frequency((6, Gen.Const("")), (1, Gen.String[OneOf(' ', '\t', '\r', '\n'), 1, 3]));

    private static readonly Gen<string> Text =
        OneOf(
            "x",
            "some words",
            "é",
            "\u007f",
            "a text of more bytes than fit into one vector",
            @"\n",
            @"\""",
            @"\\",
            @"\/",
            @"\u00e9",
            @"\ud800")
            .Array[0, 4].Select(string.Concat);

    private static readonly Gen<string> Name =
        Gen.Frequency(
            (8, OneOf([.. All.Select(field => field.Path)])),
            (3, OneOf("c", "evaluationIe", "evaluationid", "b ")),
            (1, OneOf(@"\u0061", @"b\n")));

    private static readonly Gen<string> Scalar = Gen.OneOf(
        Text.Select(text => $"\"{text}\""),
        OneOf("true", "false", "null", "0", "-0", "10", "0.5", "-12.250", "1e5", "1E+05", "2.5e-300", "123456789012345678901234567890"));

    private static readonly Gen<string> Value = Gen.Recursive<string>((depth, nested) => depth > 3
        ? Scalar
        : Gen.Frequency(
            (4, Scalar),
            (1, Gen.Select(nested, Space).Array[0, 3]
                .Select(items => $"[{string.Join(',', items.Select(item => item.Item2 + item.Item1))}]")),
            (1, Object(nested))));

    private static readonly Gen<byte[]> Payload = Gen.Select(Space, Object(Value), Space)
        .Select((before, json, after) => Encoding.UTF8.GetBytes(before + json + after));

    [Fact]
    public void A_valid_payload_is_read_alike() => Payload.Sample(AssertAlike, iter: 20_000);

    [Fact]
    public void A_payload_with_bytes_lost_or_changed_is_read_or_refused_alike()
    {
        var bytes = Gen.OneOf(
            OneOf("{}[]\",:\\0-+.eEtfnu /\n\t\u0001"u8.ToArray()).Array[0, 3],
            Gen.Byte.Array[0, 2],
            OneOf("//"u8.ToArray(), ",,"u8.ToArray(), "00"u8.ToArray(), "[]"u8.ToArray(), "{}"u8.ToArray(), "\\u12"u8.ToArray()));
        var change = from payload in Payload
                     from start in Gen.Int[0, payload.Length]
                     from end in Gen.Int[start, Math.Min(start + 3, payload.Length)]
                     from replacement in bytes
                     select (byte[])[.. payload[..start], .. replacement, .. payload[end..]];
        change.Sample(AssertAlike, iter: 50_000);
    }

    [Fact]
    public void A_payload_that_breaks_off_is_refused_alike() =>
        Payload.Sample(payload =>
        {
            for (var length = 0; length < payload.Length; length++) AssertAlike(payload[..length]);
        }, iter: 500);

    [Theory]
    [InlineData("{}")]
    [InlineData(" {\t}\r\n")]
    [InlineData("""{"a":"x","b":-1.5e3,"ab":true,"c":false,"":null}""")]
    [InlineData("""{ "a" : [ ] , "b" : [ { } , [ 1 , "}" ] ] , "ab" : { "a" : { "b" : "]" } } }""")]
    [InlineData("""{"a":"\u00e9\"\\\/\b\f\n\r\t","b":"é"}""")]
    public void A_usual_payload_needs_no_reader(string json) => Assert.True(IsScanned(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("[]")]
    [InlineData("\ufeff{}")]
    [InlineData("{}{}")]
    [InlineData("{}\0")]
    [InlineData("""{"a":1}//""")]
    [InlineData("""{"\u0061":1}""")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{"a":[1,]}""")]
    [InlineData("""{"a":[}]}""")]
    [InlineData("""{"a" 1}""")]
    [InlineData("""{"a":}""")]
    [InlineData("""{a:1}""")]
    [InlineData("""{"a":01}""")]
    [InlineData("""{"a":-}""")]
    [InlineData("""{"a":+1}""")]
    [InlineData("""{"a":.5}""")]
    [InlineData("""{"a":1.}""")]
    [InlineData("""{"a":1e}""")]
    [InlineData("""{"a":1x}""")]
    [InlineData("""{"a":truer}""")]
    [InlineData("""{"a":nul}""")]
    [InlineData("""{"a":"\x"}""")]
    [InlineData("""{"a":"\u12g4"}""")]
    [InlineData("{\"a\":\"\t\"}")]
    [InlineData("{\"a\":\"a text of more bytes than a vector\u001f\"}")]
    [InlineData("{\"a\":\"")]
    public void An_unusual_payload_is_left_to_the_reader(string json)
    {
        var payload = Encoding.UTF8.GetBytes(json);
        Assert.False(IsScanned(payload));
        AssertAlike(payload);
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    public void A_payload_of_too_many_levels_is_left_to_the_reader(int arrays, bool isScanned)
    {
        var payload = Encoding.UTF8.GetBytes($$"""{"a":{{new string('[', arrays)}}1{{new string(']', arrays)}},"b":2}""");
        Assert.Equal(isScanned, IsScanned(payload));
        AssertAlike(payload);
    }

    private static Gen<string> Object(Gen<string> value) =>
        Gen.Select(Space, Name, Space, Gen.Select(Space, value, Space)).Array[0, 6].Select(members =>
        {
            var texts = members.Select(member =>
            {
                var (before, name, after, (start, text, end)) = member;
                return $"{before}\"{name}\"{after}:{start}{text}{end}";
            });
            return $"{{{string.Join(',', texts)}}}";
        });

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static bool IsScanned(byte[] payload)
    {
        PayloadValues values = default;
        values.Start(payload, "e1"u8, "sample.happened");
        return PayloadScan.TryRead(payload, Fields, ref values);
    }

    private static void AssertAlike(byte[] payload)
    {
        var expected = Outcome(() =>
        {
            Fields.ReadUnusual(payload, "e1"u8, "sample.happened", out var values);
            return Describe(values);
        });
        var outcome = Outcome(() =>
        {
            Fields.Read(payload, "e1"u8, "sample.happened", out var values);
            return Describe(values);
        });
        Assert.True(expected == outcome, $"{Encoding.UTF8.GetString(payload)} should be {expected} but is {outcome}");
    }

    private static string Outcome(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidEventPayloadException exception)
        {
            return exception.Message;
        }
    }

    private static string Describe(PayloadValues values)
    {
        var text = new StringBuilder();
        foreach (var field in All)
        {
            text.Append(Convert.ToHexString(values.Json(field))).Append(values.Has(field)).Append(values.IsText(field)).Append(' ');
        }
        return text.ToString();
    }
}

using System.Text;
using CsCheck;

namespace ProjectionReplay.ClickHouse;

public sealed class RowBinaryWriterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(16_383)]
    [InlineData(16_384)]
    [InlineData(2_000_000)]
    public void A_text_of_any_length_is_written_whole(int length)
    {
        AssertWritten(new string('x', length));
        AssertWritten("é" + new string('x', length));
        AssertWritten(new string('x', length) + "é");
    }

    [Fact]
    public void A_text_of_few_characters_may_have_a_length_of_two_bytes() => AssertWritten(new string('é', 64), new string('€', 127), "x");

    [Fact]
    public void A_lone_surrogate_becomes_a_replacement_character()
    {
        using var writer = new RowBinaryWriter();
        writer.WriteString("a\ud800b");
        Assert.Equal([5, .. "a\ufffdb"u8], writer.ToArray());
    }

    [Fact]
    public void Texts_are_written_one_after_the_other_wherever_a_segment_ends() =>
        Gen.Select(Gen.Int[16_200, 16_400], Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['à', 'ÿ']).Array[0, 200].Array[1, 5]).Sample(
            (filled, texts) => AssertWritten([new string('x', filled), .. texts.Select(characters => new string(characters))]),
            iter: 2_000);

    private static void AssertWritten(params string[] texts)
    {
        using var writer = new RowBinaryWriter();
        foreach (var text in texts) writer.WriteString(text);
        var cursor = new RowBinaryCursor(writer.ToArray());
        foreach (var text in texts)
        {
            Assert.True(cursor.TryReadString(out var utf8));
            Assert.Equal(text, Encoding.UTF8.GetString(utf8));
        }

        Assert.Equal(writer.WrittenCount, cursor.Position);
    }
}

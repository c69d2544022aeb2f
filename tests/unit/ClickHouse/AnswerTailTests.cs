using System.Text;
using ClickHouse.Driver;

namespace ProjectionReplay.ClickHouse;

/// <summary>The words of servers that fail after they have begun to answer, and what only looks like them.</summary>
public sealed class AnswerTailTests
{
    private const string Words = "Code: 241. DB::Exception: Memory limit (total) exceeded: would use 9.32 GiB. (MEMORY_LIMIT_EXCEEDED)";

    [Theory]
    [InlineData(Words + " (version 23.8.16.40 (official build))\n")]
    [InlineData(Words + " (version 24.8.1.2684)")]
    [InlineData("__exception__\r\n" + Words + " (version 25.3.2.39 (official build))\n")]
    [InlineData("\r\n__exception__\r\nPU1FNUFH98ABCDEF\r\n" + Words + " (version 26.1.1.1)\n100 PU1FNUFH98ABCDEF\r\n__exception__\r\n")]
    public void Words_at_the_end_are_an_error(string end)
    {
        var error = Find("rows\0\0\0" + end);

        Assert.Equal(241, error!.ErrorCode);
        Assert.StartsWith(Words, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Words + " (version 23.8.16.40 (official build))\"}")]
    [InlineData(Words + " (version 24.8.1.2684)\0\0")]
    [InlineData(Words)]
    [InlineData("__exception__\r\nABC\r\n" + Words + "\n3 ABD\r\n__exception__\r\n")]
    [InlineData("")]
    public void A_payload_that_speaks_of_one_is_none(string end) => Assert.Null(Find("rows\0\0\0" + end));

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(5_000)]
    [InlineData(100_000)]
    public void They_are_found_in_whatever_pieces_they_come(int size)
    {
        var tail = new AnswerTail();
        var bytes = Encoding.UTF8.GetBytes(new string('x', 60_000) + Words + " (version 24.8.1.2684)\n");
        for (var at = 0; at < bytes.Length; at += size) tail.Add(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)));

        Assert.Equal(241, tail.FindError()!.ErrorCode);
    }

    private static ClickHouseServerException? Find(string text) => AnswerTail.FindError(Encoding.UTF8.GetBytes(text));
}

using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace ProjectionReplay.Stores;

/// <summary>Ledger entries as the bytes that PostgreSQL is sent.</summary>
public sealed class LedgerRowsTests
{
    [Fact]
    public void Entries_are_read_back_as_they_were_written()
    {
        using var rows = new LedgerRows("counted");
        rows.Begin("t:a:1", "0001:é"u8);
        rows.Add("\"t:2026-01-01\""u8, 3);
        rows.Begin("t:a:2", "0002"u8);
        rows.Add("\"t:2026-01-01\""u8, 1);
        rows.Add("\"t:2026-01-02\""u8, int.MaxValue);

        Assert.Equal(2, rows.Count);
        Assert.Equal(
            [
                new LedgerEntry("t:a:1", "0001:é", """{"t:2026-01-01":3}"""),
                new LedgerEntry("t:a:2", "0002", """{"t:2026-01-01":1,"t:2026-01-02":2147483647}"""),
            ],
            rows.Read());
    }

    [Fact]
    public void Entries_that_fill_many_blocks_and_one_larger_than_a_block_are_whole()
    {
        using var rows = new LedgerRows("counted");
        for (var i = 0; i < 20_000; i++)
        {
            rows.Begin($"t:a:{i}", Encoding.UTF8.GetBytes($"{i:D13}"));
            for (var key = 0; key < (i == 7_000 ? 40_000 : 1 + (i % 3)); key++) rows.Add(Encoding.UTF8.GetBytes($"\"key{key}\""), i);
        }

        var entries = rows.Read().ToList();

        Assert.Equal(20_000, entries.Count);
        Assert.All(
            entries.Index(),
            entry => Assert.Equal(($"t:a:{entry.Index}", $"{entry.Index:D13}"), (entry.Item.AggregateKey, entry.Item.Cutoff)));
        var largest = JsonSerializer.Deserialize<Dictionary<string, int>>(entries[7_000].Contribution)!;
        Assert.Equal(40_000, largest.Count);
        Assert.All(largest.Values, count => Assert.Equal(7_000, count));
        Assert.Equal("""{"key0":19999,"key1":19999}""", entries[^1].Contribution);
    }

    [Fact]
    public async Task What_is_sent_is_the_binary_format_of_COPY_each_time_the_same()
    {
        using var rows = new LedgerRows("p");
        rows.Begin("k", "c"u8);
        rows.Add("\"x\""u8, 5);
        using var first = new MemoryStream();
        using var second = new MemoryStream();

        await rows.WriteToAsync(first, TestContext.Current.CancellationToken);
        await rows.WriteToAsync(second, TestContext.Current.CancellationToken);

        byte[] expected = [0, 4, .. Column("p"u8), .. Column("k"u8), .. Column("c"u8), .. Column([1, .. """{"x":5}"""u8])];
        Assert.Equal(expected, first.ToArray());
        Assert.Equal(expected, second.ToArray());

        static byte[] Column(ReadOnlySpan<byte> value)
        {
            var column = new byte[sizeof(int) + value.Length];
            BinaryPrimitives.WriteInt32BigEndian(column, value.Length);
            value.CopyTo(column.AsSpan(sizeof(int)));
            return column;
        }
    }

    [Fact]
    public void Nothing_comes_of_nothing()
    {
        using var rows = new LedgerRows("counted");

        Assert.Equal(0, rows.Count);
        Assert.Empty(rows.Read());
    }
}

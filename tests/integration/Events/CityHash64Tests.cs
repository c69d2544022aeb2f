using System.Globalization;
using System.Text;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Events;

/// <summary>The hash by which shards are cut is the very one of the engine.</summary>
public sealed class CityHash64Tests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly string[] Texts =
    [
        "e0000", "0", ":", "evaluation:e1", "Zürich", "日本語のアグリゲート", "😀", "👩‍👩‍👧‍👦 family", "a\0b", "\n\t\\'\"",
        string.Concat(Enumerable.Repeat("ü", 33)), string.Concat(Enumerable.Repeat("評価", 50)), Guid.Empty.ToString(),
    ];

    [Fact]
    public async Task Every_length_hashes_as_ClickHouse_hashes_it()
    {
        var random = new Random(20260110);
        int[] lengths =
        [
            .. Enumerable.Range(0, 201), .. Enumerable.Range(0, 201),
            255, 256, 257, 1_000, 1_023, 1_024, 1_025, 4_095, 4_096, 4_097, 10_000,
        ];

        await AssertSameAsync([.. lengths.Select(length =>
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            return bytes;
        })]);
    }

    [Fact]
    public async Task Text_of_every_kind_hashes_as_ClickHouse_hashes_it() =>
        await AssertSameAsync([.. Texts.Select(Encoding.UTF8.GetBytes)]);

    [Fact]
    public async Task An_aggregate_is_in_the_shard_that_ClickHouse_finds_it_in()
    {
        foreach (var count in (int[])[1, 2, 3, 8, 100, 4096])
        {
            var rows = await servers.QueryAsync(
                "SELECT hex(id) AS bytes, cityHash64(id) % {count:UInt64} AS remainder "
                    + "FROM (SELECT 'eval_' || toString(number) AS id FROM numbers(500))",
                ("count", count.ToString(CultureInfo.InvariantCulture)));

            Assert.Equal(500, rows.Count);
            Assert.All(rows, row =>
            {
                var id = Convert.FromHexString(row.GetProperty("bytes").GetString()!);
                var shard = Assert.Single(ReplayShard.All(count), shard => shard.Includes(id));
                Assert.Equal(row.GetProperty("remainder").GetInt32(), shard.Index - 1);
                Assert.True(shard.Includes(Encoding.UTF8.GetString(id)));
            });
        }
    }

    private async Task AssertSameAsync(byte[][] values)
    {
        foreach (var chunk in values.Chunk(40))
        {
            var rows = await servers.QueryAsync(
                "SELECT toString(cityHash64(unhex(value))) AS hash FROM (SELECT arrayJoin({values:Array(String)}) AS value)",
                ("values", $"[{string.Join(',', chunk.Select(bytes => $"'{Convert.ToHexString(bytes)}'"))}]"));

            Assert.Equal(chunk.Length, rows.Count);
            foreach (var (bytes, row) in chunk.Zip(rows))
            {
                Assert.True(
                    CityHash64.Hash(bytes) == ulong.Parse(row.GetProperty("hash").GetString()!, CultureInfo.InvariantCulture),
                    $"The hash of these {bytes.Length} bytes is another: {Convert.ToHexString(bytes)}");
            }
        }
    }
}

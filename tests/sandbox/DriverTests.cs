using ClickHouse.Driver;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class DriverTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Types_make_the_round_trip()
    {
        using var client = sandbox.Driver();
        await using var reader = await client.ExecuteReaderAsync(
            """
            SELECT toUInt64(18446744073709551615), toNullable(1.5), CAST(NULL AS Nullable(String)), toLowCardinality('low'),
                toDateTime64('2026-01-02 03:04:05.678', 3), ['a', 'b'], map('k', 'v'), true
            """, null, null, Cancellation);
        Assert.True(await reader.ReadAsync(Cancellation));
        Assert.Equal(ulong.MaxValue, reader.GetValue(0));
        Assert.Equal(1.5, reader.GetValue(1));
        Assert.True(reader.IsDBNull(2));
        Assert.Equal("low", reader.GetValue(3));
        Assert.Equal(new DateTime(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Unspecified), reader.GetDateTime(4));
        Assert.Equal((string[])["a", "b"], reader.GetValue(5));
        Assert.Equal(new Dictionary<string, string>(StringComparer.Ordinal) { ["k"] = "v" }, reader.GetValue(6));
        Assert.Equal(true, reader.GetValue(7));
    }

    [Fact]
    public async Task Bulk_inserts_arrive()
    {
        using var client = sandbox.Driver();
        var table = sandbox.NewTableName();
        await client.ExecuteNonQueryAsync(
            $"CREATE TABLE {table} (a String, b Nullable(Float64), c DateTime64(3), d Map(String, String)) ENGINE = MergeTree ORDER BY a",
            null,
            null,
            Cancellation);
        var time = new DateTime(2026, 5, 6, 7, 8, 9, 123, DateTimeKind.Utc);
        var rows = Enumerable.Range(0, 100_000).Select(i => new object[]
        {
            $"row {i:D6} é\t",
            i % 2 == 0 ? null! : i / 4.0,
            time,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["k"] = "v" },
        });
        var options = new InsertOptions { BatchSize = 30_000 };
        Assert.Equal(100_000, await client.InsertBinaryAsync(table, ["a", "b", "c", "d"], rows, options, Cancellation));
        await using var reader = await client.ExecuteReaderAsync(
            $"SELECT count(), countIf(b IS NULL), min(c), max(d['k']), max(a) FROM {table}", null, null, Cancellation);
        Assert.True(await reader.ReadAsync(Cancellation));
        Assert.Equal(100_000UL, reader.GetValue(0));
        Assert.Equal(50_000UL, reader.GetValue(1));
        Assert.Equal(DateTime.SpecifyKind(time, DateTimeKind.Unspecified), reader.GetDateTime(2));
        Assert.Equal("v", reader.GetString(3));
        Assert.Equal("row 099999 é\t", reader.GetString(4));
    }

    [Fact]
    public async Task A_million_rows_are_read_in_order()
    {
        using var client = sandbox.Driver();
        await using var reader = await client.ExecuteReaderAsync(
            "SELECT number, repeat('x', 50) FROM numbers(1000000)", null, null, Cancellation);
        ulong expected = 0;
        while (await reader.ReadAsync(Cancellation))
            Assert.Equal(expected++, reader.GetValue(0));
        Assert.Equal(1_000_000UL, expected);
    }

    [Fact]
    public async Task Errors_carry_the_servers_code()
    {
        using var client = sandbox.Driver();
        var error = await Assert.ThrowsAsync<ClickHouseServerException>(
            () => client.ExecuteScalarAsync("SELECT * FROM nope", null, null, Cancellation));
        Assert.Equal(60, error.ErrorCode);
    }

    [Fact]
    public async Task Ping_works() => Assert.True(await sandbox.Driver().PingAsync(null, Cancellation));

    [Fact]
    public async Task Many_clients_work_at_once()
    {
        using var client = sandbox.Driver();
        var sums = await Task.WhenAll(Enumerable.Range(1, 24).Select(async i => (
            Expected: (ulong)i * 100_000,
            Actual: await client.ExecuteScalarAsync($"SELECT sum({i}) FROM numbers(100000)", null, null, Cancellation))));
        Assert.All(sums, sum => Assert.Equal(sum.Expected, sum.Actual));
    }
}

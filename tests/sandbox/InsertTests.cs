using System.Net;
using System.Text;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class InsertTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private async Task<string> TableAsync(string columns = "a String, b UInt8")
    {
        var table = sandbox.NewTableName();
        await sandbox.QueryAsync($"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY a");
        return table;
    }

    private async Task<HttpResponseMessage> InsertAsync(string statement, byte[] data)
    {
        using var content = new ByteArrayContent(data);
        var address = new Uri(sandbox.Http, "/?database=langwatch&query=" + Uri.EscapeDataString(statement));
        return await sandbox.Client.PostAsync(address, content, Cancellation);
    }

    [Theory]
    [InlineData("JSONEachRow", "{\"a\":\"x\",\"b\":1}\n{\"a\":\"y\",\"b\":2}")]
    [InlineData("CSV", "\"x\",1\n\"y\",2\n")]
    [InlineData("Values", "('x', 1), ('y', 1 + 1)")]
    [InlineData("TSVWithNames", "a\tb\nx\t1\ny\t2\n")]
    public async Task Text_formats_are_inserted_from_the_body(string format, string data)
    {
        var table = await TableAsync();
        using var response = await InsertAsync($"INSERT INTO {table} FORMAT {format}", Encoding.UTF8.GetBytes(data));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("\"written_rows\":\"2\"", response.Headers.GetValues("X-ClickHouse-Summary").Single(), StringComparison.Ordinal);
        Assert.Equal("x\t1\ny\t2", await sandbox.QueryAsync($"SELECT * FROM {table} ORDER BY a"));
    }

    [Fact]
    public async Task Row_binary_is_inserted_from_the_body()
    {
        var table = await TableAsync();
        using var response = await InsertAsync($"INSERT INTO {table} (a, b) FORMAT RowBinary", [1, (byte)'x', 0, 1, (byte)'y', 2]);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("x\t0\ny\t2", await sandbox.QueryAsync($"SELECT * FROM {table} ORDER BY a"));
    }

    [Fact]
    public async Task Statement_and_data_may_share_the_body()
    {
        var table = await TableAsync();
        await sandbox.QueryAsync($"INSERT INTO {table} (a, b) VALUES ('x', 1), ('FORMAT y', 2)");
        await sandbox.QueryAsync($"/* note */ insert into {table} format CSV\nz,3\n");
        await sandbox.QueryAsync($"INSERT INTO {table} SETTINGS max_insert_block_size = 1000 FORMAT JSONEachRow {{\"a\":\"zz\",\"b\":4}}");
        await sandbox.QueryAsync($"INSERT INTO {table} SELECT concat(a, '!'), b FROM {table} WHERE b = 1");
        Assert.Equal("FORMAT y\t2\nx\t1\nx!\t1\nz\t3\nzz\t4", await sandbox.QueryAsync($"SELECT * FROM {table} ORDER BY a"));
    }

    [Fact]
    public async Task Input_function_reads_the_body()
    {
        var table = await TableAsync();
        using var response = await InsertAsync(
            $"INSERT INTO {table} SELECT upper(c), d + 1 FROM input('c String, d UInt8') WHERE d < 9 FORMAT RowBinary",
            [1, (byte)'x', 1, 1, (byte)'y', 9]);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("X\t2", await sandbox.QueryAsync($"SELECT * FROM {table}"));
    }

    [Fact]
    public async Task Bad_data_is_an_error_and_nothing_is_written()
    {
        var table = await TableAsync();
        using var response = await InsertAsync($"INSERT INTO {table} FORMAT JSONEachRow", "{\"a\":\"x\",\"b\":1}\nnonsense"u8.ToArray());
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("Cannot parse", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal("0", await sandbox.QueryAsync($"SELECT count() FROM {table}"));
    }

    [Fact]
    public async Task Too_many_partitions_in_one_block_are_refused()
    {
        var table = sandbox.NewTableName();
        await sandbox.QueryAsync($"CREATE TABLE {table} (a UInt32) ENGINE = MergeTree PARTITION BY a ORDER BY a");
        var (response, text) = await sandbox.PostAsync($"INSERT INTO {table} FORMAT TSV\n" + string.Join('\n', Enumerable.Range(0, 101)));
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Contains("TOO_MANY_PARTS", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_large_insert_is_not_held_in_memory()
    {
        var table = await TableAsync("a UInt64, b String");
        const int Rows = 400_000;
        var row = new byte[8 + 2 + 1000];
        (row[8], row[9]) = (0xE8, 0x07);
        Array.Fill(row, (byte)'x', 10, 1000);
        using var content = new RepeatedContent(row, Rows);
        using var response = await sandbox.Client.PostAsync(
            new Uri(sandbox.Http, $"/?database=langwatch&query=INSERT%20INTO%20{table}%20FORMAT%20RowBinary"), content, Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal($"{Rows}\t1000", await sandbox.QueryAsync($"SELECT count(), max(length(b)) FROM {table}"));
        await sandbox.QueryAsync($"DROP TABLE {table}");
    }

    private sealed class RepeatedContent(byte[] row, int count) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var i = 0; i < count; i++)
                await stream.WriteAsync(row);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

using System.IO.Compression;
using System.Net;
using System.Text;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class HttpInterfaceTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/ping")]
    [InlineData("/")]
    [InlineData("/replicas_status")]
    public async Task Ping_answers_ok(string path) =>
        Assert.Equal("Ok.\n", await sandbox.Client.GetStringAsync(new Uri(sandbox.Http, path), Cancellation));

    [Fact]
    public async Task Get_takes_the_query_from_the_url_and_answers_in_tab_separated() =>
        Assert.Equal("1\ta\n", await sandbox.Client.GetStringAsync(new Uri(sandbox.Http, "/?query=SELECT%201,'a'"), Cancellation));

    [Fact]
    public async Task Post_continues_the_urls_query_with_the_body() =>
        Assert.Equal("3", await sandbox.QueryAsync("+ 2", "&query=SELECT%201"));

    [Theory]
    [InlineData("SELECT * FROM no_such_table", HttpStatusCode.NotFound, 60)]
    [InlineData("SELEC 1", HttpStatusCode.BadRequest, 62)]
    [InlineData("SELECT throwIf(1)", HttpStatusCode.InternalServerError, 395)]
    [InlineData("SELECT 1 FORMAT NoSuchFormat", HttpStatusCode.NotFound, 73)]
    public async Task Errors_have_the_status_and_text_of_a_server(string sql, HttpStatusCode status, int code)
    {
        var (response, text) = await sandbox.PostAsync(sql);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal([$"{code}"], response.Headers.GetValues("X-ClickHouse-Exception-Code"));
        Assert.StartsWith($"Code: {code}. DB::Exception: ", text, StringComparison.Ordinal);
        Assert.Contains("(version ", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("&no_such_setting=1", 115)]
    [InlineData("&max_block_size=many", 0)]
    [InlineData("&bad%20name=1", 115)]
    public async Task A_wrong_setting_is_an_error(string setting, int code)
    {
        var (response, text) = await sandbox.PostAsync("SELECT 1", setting);
        Assert.False(response.IsSuccessStatusCode, text);
        if (code > 0)
            Assert.StartsWith($"Code: {code}.", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_database_is_not_found()
    {
        using var response = await sandbox.Client.GetAsync(new Uri(sandbox.Http, "/?database=nowhere&query=SELECT%201"), Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(["81"], response.Headers.GetValues("X-ClickHouse-Exception-Code"));
    }

    [Fact]
    public async Task A_setting_holds_for_its_query_only()
    {
        Assert.Equal("7", await sandbox.QueryAsync("SELECT getSetting('max_block_size')", "&max_block_size=7"));
        Assert.NotEqual("7", await sandbox.QueryAsync("SELECT getSetting('max_block_size')"));
    }

    [Theory]
    [InlineData("SELECT 1 SETTINGS max_threads = 3")]
    [InlineData("WITH 2 AS two SELECT two SETTINGS max_threads = 3")]
    [InlineData("INSERT INTO {0} SETTINGS max_threads = 3 FORMAT TSV\n1")]
    [InlineData("SET max_threads = 3")]
    [InlineData("USE system")]
    [InlineData("CREATE TEMPORARY TABLE left_behind (n UInt8)")]
    [InlineData("SELECT 1; SET max_threads = 3")]
    [InlineData("SELECT 1 FORMAT JSON; CREATE TEMPORARY TABLE left_behind (n UInt8)")]
    [InlineData("SELECT 1; USE system", "&default_format=JSONCompact")]
    public async Task A_statement_leaves_nothing_behind_for_the_next_request(string statement, string parameters = "")
    {
        const string State = "SELECT getSetting('max_threads'), currentDatabase(), "
            + "(SELECT count() FROM system.tables WHERE name = 'left_behind'), {n:UInt8}";
        var table = sandbox.NewTableName();
        await sandbox.QueryAsync($"CREATE TABLE {table} (n UInt8) ENGINE = Memory");
        var before = await sandbox.QueryAsync(State, "&param_n=7");

        // Requests of one kind share a connection of the engine, so that this one gets what the one before it had.
        var (response, text) = await sandbox.PostAsync(
            statement.Replace("{0}", table, StringComparison.Ordinal), "&param_n=7" + parameters);
        Assert.True(
            response.IsSuccessStatusCode || text.Contains("Multi-statements are not allowed", StringComparison.Ordinal), text);
        Assert.Equal(before, await sandbox.QueryAsync(State, "&param_n=7"));
    }

    [Fact]
    public async Task A_dropped_database_is_unknown_at_once()
    {
        var database = sandbox.NewTableName();
        await sandbox.QueryAsync($"CREATE DATABASE {database}");
        await sandbox.QueryAsync("SELECT 1", "&database=" + database);
        await sandbox.QueryAsync($"DROP DATABASE {database}");
        var (response, text) = await sandbox.PostAsync("SELECT 1", "&database=" + database);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("Code: 81", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_dropped_while_a_query_runs_in_it_is_unknown_afterwards()
    {
        var database = sandbox.NewTableName();
        await sandbox.QueryAsync($"CREATE DATABASE {database}");
        var running = sandbox.QueryAsync("SELECT sleep(2)", "&database=" + database);
        while (!running.IsCompleted
            && await sandbox.QueryAsync($"SELECT count() FROM system.processes WHERE current_database = '{database}'") == "0")
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        await sandbox.QueryAsync($"DROP DATABASE {database}");
        await running;
        Assert.Equal(HttpStatusCode.NotFound, (await sandbox.PostAsync("SELECT 1", "&database=" + database)).Response.StatusCode);
    }

    [Fact]
    public async Task A_client_that_hangs_up_stops_no_query_but_its_own()
    {
        var other = sandbox.QueryAsync("SELECT sleepEachRow(0.5) FROM numbers(4) SETTINGS max_block_size = 1", "&log_comment=job");
        using (var hangUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(300)))
        {
            var sleep = Uri.EscapeDataString("SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1");
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => sandbox.Client.GetAsync(new Uri(sandbox.Http, "/?log_comment=job&query=" + sleep), hangUp.Token));
        }

        await other;
    }

    [Fact]
    public async Task A_session_gets_back_what_a_request_sets_for_itself()
    {
        var session = "&session_id=" + Guid.NewGuid().ToString("N");
        await sandbox.QueryAsync("SET max_threads = 3", session);
        const string State = "SELECT getSetting('max_threads'), currentDatabase()";
        var before = await sandbox.QueryAsync(State, session);
        Assert.Equal("5\tsystem", await sandbox.QueryAsync(State, session + "&max_threads=5&database=system"));
        Assert.Equal(before, await sandbox.QueryAsync(State, session));
    }

    [Fact]
    public async Task Names_of_parameters_differ_by_case() =>
        Assert.Equal("1\t2", await sandbox.QueryAsync("SELECT {A:Int32}, {a:Int32}", "&param_A=1&param_a=2"));

    [Fact]
    public async Task A_log_comment_is_the_requests_own()
    {
        Assert.Equal("one", await sandbox.QueryAsync("SELECT getSetting('log_comment')", "&log_comment=one"));
        Assert.Equal("two", await sandbox.QueryAsync("SELECT getSetting('log_comment')", "&log_comment=two"));
    }

    [Fact]
    public async Task Format_comes_from_the_clause_then_the_header_or_parameter()
    {
        Assert.Equal("{\"x\":1}", await sandbox.QueryAsync("SELECT 1 AS x", "&default_format=JSONEachRow"));
        Assert.Equal("1", await sandbox.QueryAsync("SELECT 1 AS x FORMAT TSV", "&default_format=JSONEachRow"));
        var (response, text) = await sandbox.PostAsync("SELECT 1 AS x", "", ("X-ClickHouse-Format", "CSVWithNames"));
        Assert.Equal("\"x\"\n1\n", text);
        Assert.Equal(["CSVWithNames"], response.Headers.GetValues("X-ClickHouse-Format"));
    }

    [Fact]
    public async Task Responses_carry_query_id_time_zone_and_summary()
    {
        var (response, _) = await sandbox.PostAsync("SELECT count() FROM numbers(1000)", "&query_id=mine&wait_end_of_query=1");
        Assert.Equal(["mine"], response.Headers.GetValues("X-ClickHouse-Query-Id"));
        Assert.Equal(["UTC"], response.Headers.GetValues("X-ClickHouse-Timezone"));
        Assert.Contains("\"read_rows\":\"1000\"", response.Headers.GetValues("X-ClickHouse-Summary").Single(), StringComparison.Ordinal);
        Assert.Equal("UTC", await sandbox.QueryAsync("SELECT timezone()"));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Responses_are_compressed_when_asked_for(string encoding)
    {
        var address = new Uri(sandbox.Http, "/?enable_http_compression=1&query=SELECT%20number%20FROM%20numbers(100000)");
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", encoding);
        using var response = await sandbox.Client.SendAsync(request, Cancellation);
        Assert.Equal([encoding], response.Content.Headers.ContentEncoding);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await using Stream plain = encoding == "gzip"
            ? new GZipStream(body, CompressionMode.Decompress)
            : new ZstdSharp.DecompressionStream(body);
        using var reader = new StreamReader(plain);
        var lines = (await reader.ReadToEndAsync(Cancellation)).Split('\n');
        Assert.Equal(100_001, lines.Length);
        Assert.Equal("99999", lines[^2]);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Request_bodies_are_decompressed(string encoding)
    {
        var packed = new MemoryStream();
        await using (Stream packer = encoding == "gzip"
            ? new GZipStream(packed, CompressionMode.Compress, leaveOpen: true)
            : new ZstdSharp.CompressionStream(packed, leaveOpen: true))
        {
            await packer.WriteAsync("SELECT 'packed'"u8.ToArray(), Cancellation);
        }

        using var content = new ByteArrayContent(packed.ToArray());
        content.Headers.ContentEncoding.Add(encoding);
        using var response = await sandbox.Client.PostAsync(sandbox.Http, content, Cancellation);
        Assert.Equal("packed\n", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Multipart_forms_carry_the_query_and_its_parameters()
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("SELECT {a:String}, {b:UInt8}"), "query" },
            { new StringContent("x\\ty"), "param_a" },
            { new StringContent("5"), "param_b" },
        };
        using var response = await sandbox.Client.PostAsync(sandbox.Http, form, Cancellation);
        Assert.Equal("x\\ty\t5\n", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Curls_form_content_type_is_a_raw_body()
    {
        using var content = new StringContent("SELECT 'a=b&c'", Encoding.UTF8, "application/x-www-form-urlencoded");
        using var response = await sandbox.Client.PostAsync(sandbox.Http, content, Cancellation);
        Assert.Equal("a=b&c\n", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Sessions_keep_temporary_tables()
    {
        await sandbox.QueryAsync("CREATE TEMPORARY TABLE kept (a UInt8)", "&session_id=s1");
        await sandbox.QueryAsync("INSERT INTO kept VALUES (4)", "&session_id=s1");
        Assert.Equal("4", await sandbox.QueryAsync("SELECT a FROM kept", "&session_id=s1"));
        var (response, _) = await sandbox.PostAsync("SELECT a FROM kept");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Show_and_describe_answer()
    {
        Assert.Contains("event_log", await sandbox.QueryAsync("SHOW TABLES"), StringComparison.Ordinal);
        Assert.Contains("EventTimestamp\tUInt64", await sandbox.QueryAsync("DESCRIBE TABLE event_log"), StringComparison.Ordinal);
        Assert.StartsWith("{", await sandbox.QueryAsync("SELECT 1 FORMAT JSON"), StringComparison.Ordinal);
    }
}

using System.Diagnostics;
using System.Globalization;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class StreamingTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Task<HttpResponseMessage> OpenAsync(string sql, CancellationToken cancellationToken) => sandbox.Client.GetAsync(
        new Uri(sandbox.Http, "/?database=langwatch&query=" + Uri.EscapeDataString(sql)),
        HttpCompletionOption.ResponseHeadersRead,
        cancellationToken);

    [Theory]
    [InlineData("TSVWithNamesAndTypes", 300_002)]
    [InlineData("CSVWithNames", 300_001)]
    [InlineData("JSONEachRow", 300_000)]
    [InlineData("JSONCompactEachRowWithNamesAndTypes", 300_002)]
    public async Task A_header_comes_once_however_many_chunks_there_are(string format, int lines)
    {
        var text = await sandbox.QueryAsync($"SELECT number AS n, toString(number) AS \"t\"\"\n\" FROM numbers(300000) FORMAT {format}");
        if (format.StartsWith("CSV", StringComparison.Ordinal))
            lines++; // The line break in the column's name.
        Assert.Equal(lines, text.Split('\n').Length);
        Assert.Contains("299999", text[^20..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_binary_header_comes_once()
    {
        using var response = await OpenAsync("SELECT number AS n FROM numbers(300000) FORMAT RowBinaryWithNamesAndTypes", Cancellation);
        var bytes = await response.Content.ReadAsByteArrayAsync(Cancellation);
        Assert.Equal(1 + 2 + 7 + (300_000 * 8), bytes.Length);
    }

    [Fact]
    public async Task An_empty_result_has_its_header() =>
        Assert.Equal("TenantId", await sandbox.QueryAsync("SELECT TenantId FROM event_log WHERE TenantId = 'nobody' FORMAT TSVWithNames"));

    [Fact]
    public async Task A_result_of_any_size_passes_through_without_staying_in_memory()
    {
        // A process of its own, because the other tests' queries take memory too.
        await using var own = await SandboxProcess.StartAsync(new SandboxOptions { Engines = SandboxEngines.ClickHouse });
        var server = new Uri(own.ClickHouseUrl!.Replace("default:@", "", StringComparison.Ordinal));
        using var response = await sandbox.Client.GetAsync(
            new Uri(server, "/?query=SELECT%20number,%20repeat('payload%20',40)%20FROM%20numbers(5000000)%20FORMAT%20RowBinary"),
            HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        var buffer = new byte[1 << 20];
        long bytes = 0;
        var watch = Stopwatch.StartNew();
        for (int count; (count = await body.ReadAsync(buffer, Cancellation)) > 0;)
            bytes += count;
        own.Process.Refresh();
        var memory = own.Process.PeakWorkingSet64;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{bytes >> 20} MB in {watch.Elapsed.TotalSeconds:F1} s, {memory >> 20} MB at most"));
        Assert.Equal(5_000_000L * (8 + 2 + 320), bytes);
        Assert.True(memory < 900_000_000, $"The sandbox took {memory >> 20} MB to stream {bytes >> 20} MB.");
    }

    [Fact]
    public async Task An_error_on_the_way_breaks_the_connection()
    {
        using var response = await OpenAsync("SELECT throwIf(number = 2000000), repeat('x', 100) FROM numbers(4000000)", Cancellation);
        Assert.True(response.IsSuccessStatusCode);
        var failure = await Record.ExceptionAsync(() => response.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.True(failure is HttpRequestException or IOException, $"A truncated result looked complete: {failure}");
    }

    [Fact]
    public async Task Waiting_for_the_end_turns_the_same_error_into_a_status()
    {
        var (response, text) = await sandbox.PostAsync("SELECT throwIf(number = 2000000) FROM numbers(4000000)", "&wait_end_of_query=1");
        Assert.Equal(System.Net.HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.StartsWith("Code: 395.", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_hangs_up_stops_its_query()
    {
        using var hangUp = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var query = OpenAsync("SELECT count() FROM numbers(10000000000000) WHERE NOT ignore(cityHash64(number)) -- endless", hangUp.Token);
        await RunningAsync("endless", 1);
        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => query);
        await RunningAsync("endless", 0);
    }

    [Fact]
    public async Task Slow_readers_do_not_hold_up_others()
    {
        var slow = new List<HttpResponseMessage>();
        for (var i = 0; i < 8; i++)
            slow.Add(await OpenAsync("SELECT repeat('x', 1000) FROM numbers(10000000)", Cancellation));
        try
        {
            Assert.Equal("1", await sandbox.QueryAsync("SELECT 1").WaitAsync(TimeSpan.FromMinutes(2), Cancellation));
        }
        finally
        {
            slow.ForEach(response => response.Dispose());
        }
        await RunningAsync("repeat('x', 1000)", 0);
    }

    /// <summary>Waits until so many queries with this text run, apart from the one that asks.</summary>
    private async Task RunningAsync(string text, int count)
    {
        var wanted = count.ToString(CultureInfo.InvariantCulture);
        var parameter = "&param_text=" + Uri.EscapeDataString(text.Replace("'", "\\'", StringComparison.Ordinal));
        const string Sql = "SELECT count() FROM system.processes "
            + "WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%system.processes%'";
        var limit = Stopwatch.StartNew();
        while (await sandbox.QueryAsync(Sql, parameter) is var found && found != wanted)
            Assert.True(limit.Elapsed < TimeSpan.FromMinutes(2), $"{found} queries with '{text}' are running, not {wanted}.");
    }

    [Fact]
    public async Task Many_requests_leave_no_mappings_behind()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux counts mappings, and lets a process have 65,530 of them.");
        await using var own = await SandboxProcess.StartAsync(new SandboxOptions { Engines = SandboxEngines.ClickHouse });
        var server = new Uri(own.ClickHouseUrl!.Replace("default:@", "", StringComparison.Ordinal));
        await AskAsync(500);
        var before = Mappings();

        await AskAsync(1_500);

        Assert.InRange(Mappings(), 0, before + 500);

        int Mappings() => File.ReadLines($"/proc/{own.Id}/maps").Count();

        async Task AskAsync(int times)
        {
            // Each with another setting than those before it, so that it gets a connection of its own.
            for (var i = 0; i < times; i++)
            {
                var query = new Uri(server, $"/?query=SELECT%201&max_execution_time={1_000 + i % 100}");
                (await sandbox.Client.GetAsync(query, Cancellation)).EnsureSuccessStatusCode();
            }
        }
    }
}

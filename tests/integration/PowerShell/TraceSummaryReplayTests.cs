using System.Text.Json;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>Replays of traceSummary as operators do them, on real servers.</summary>
public sealed class TraceSummaryReplayTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Replay = "Invoke-ProjectionReplay traceSummary $tenant 2023-01-01 @urls";
    private static readonly SampleSpan Call = SampleSpan.Of(("gen_ai.request.model", "shop/model-x"))
        .Number("gen_ai.usage.input_tokens", 1000);
    private readonly PowerShellSession _session = new();

    [Fact]
    public async Task Backfill_over_120_weeks_is_stored_whole_and_once_however_often_it_is_done()
    {
        var tenant = new TestTenant(servers);
        var first = new DateTimeOffset(2023, 10, 1, 0, 0, 0, TimeSpan.Zero);
        for (var week = 0; week < 120; week++)
        {
            // The second trace of a week is on its last day, so that the weeks are those of the calendar.
            Add(tenant, $"a{week:000}", first.AddDays(7 * week), Call);
            Add(tenant, $"b{week:000}", first.AddDays((7 * week) + 6).AddHours(23), Call);

            // The event log is partitioned likewise.
            if (week % 40 == 39) await tenant.AppendAsync();
        }

        await Assert.ThrowsAnyAsync<Exception>(() => servers.ExecuteAsync($"""
            INSERT INTO trace_summaries (Id, TenantId, TraceId, CreatedAt)
            SELECT toString(number), 'tenant of nobody', toString(number),
                toDateTime64('2023-10-01 00:00:00', 3) + INTERVAL number WEEK
            FROM numbers(120)
            """));

        Run(tenant, Replay).ShouldSucceed();
        Run(tenant, Replay).ShouldSucceed();

        var rows = await RowsAsync(tenant);
        Assert.Equal(240, rows.Count);
        Assert.Equal(120, rows.Select(row => row.GetProperty("Week").ToString()).Distinct().Count());
        Assert.All(rows, row => Assert.Equal(1, row.GetProperty("SpanCount").GetInt32()));
    }

    [Fact]
    public async Task Spans_and_topics_of_a_trace_become_one_row()
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, Call.Text("langwatch.input", "hello").ResourceText("service.name", "shop"));
        Add(tenant, "t1", TestTenant.Start.AddSeconds(1), Call.Child().Text("langwatch.output", "world"));
        tenant.AddRaw(
            "trace", "t1", "lw.obs.trace.topic_assigned", TestTenant.Start.AddDays(1), """{"topicId":"topic_1","subtopicId":null}""");
        tenant.AddRaw(
            "trace", "t2", "lw.obs.trace.topic_assigned", TestTenant.Start.AddDays(1), """{"topicId":"topic_1","subtopicId":null}""");
        await tenant.AppendAsync();

        Run(tenant, Replay).ShouldSucceed();

        var row = Assert.Single(await RowsAsync(tenant));
        Assert.Equal(
            ("t1", 2, "hello", "world", "topic_1"),
            (Text("TraceId"), row.GetProperty("SpanCount").GetInt32(), Text("ComputedInput"), Text("ComputedOutput"), Text("TopicId")));
        Assert.Equal("""["shop\/model-x"]""", row.GetProperty("Models").GetRawText());
        Assert.Equal("""{"service.name":"shop"}""", row.GetProperty("Attributes").GetRawText());
        Assert.Equal(JsonValueKind.Null, row.GetProperty("TotalCost").ValueKind);

        string? Text(string column) => row.GetProperty(column).GetString();
    }

    [Fact]
    public async Task Prices_come_from_the_file_given_which_beats_that_of_the_env_file()
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, Call);
        await tenant.AppendAsync();
        await WritePricesAsync("low.json", "0.000001");
        await WritePricesAsync("high.json", "0.000002");
        await File.WriteAllTextAsync(_session.PathOf(".env"), "PROJECTION_REPLAY_MODEL_PRICES=low.json");

        Run(tenant, Replay).ShouldSucceed();
        Assert.Equal(0.001, Assert.Single(await RowsAsync(tenant)).GetProperty("TotalCost").GetDouble());

        Run(tenant, Replay + " -ModelPricePath ./high.json").ShouldSucceed();
        Assert.Equal(0.002, Assert.Single(await RowsAsync(tenant)).GetProperty("TotalCost").GetDouble());
    }

    [Theory]
    [InlineData(null, "does not exist")]
    [InlineData("{\"models\": {\n\"a/b\": {\"pricing\": }}}", "line 2, byte 20")]
    [InlineData(
        """{"models": {"a/b": {"pricing": {"inputCostPerToken": "cheap"}}}}""", "models['a/b'].pricing.inputCostPerToken must be a number")]
    public async Task Prices_that_cannot_be_read_end_the_run_before_anything_is_touched(string? text, string problem)
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, Call);
        await tenant.AppendAsync();
        if (text is not null) await File.WriteAllTextAsync(_session.PathOf("prices.json"), text);

        foreach (var mode in (string[])["", " -WhatIf"])
        {
            var outcome = Run(tenant, Replay + " -ModelPricePath prices.json" + mode);

            Assert.Equal(
                "ModelPricesInvalid,ProjectionReplay.PowerShell.InvokeProjectionReplayCommand", outcome.Terminating!.FullyQualifiedErrorId);
            Assert.Contains(_session.PathOf("prices.json"), outcome.Terminating.Exception.Message, StringComparison.Ordinal);
            Assert.Contains("-ModelPricePath", outcome.Terminating.Exception.Message, StringComparison.Ordinal);
            Assert.Contains(problem, outcome.Terminating.Exception.Message, StringComparison.Ordinal);
        }

        Assert.Empty(await tenant.MarkersAsync("traceSummary"));
        Assert.Empty(await RowsAsync(tenant));
    }

    [Fact]
    public async Task Prices_that_cannot_be_read_do_not_keep_other_projections_back()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();

        Run(tenant, "Invoke-ProjectionReplay evaluationState $tenant 2026-01-01 @urls -ModelPricePath nowhere.json").ShouldSucceed();

        Assert.Single(await tenant.EvaluationsAsync());
    }

    [Fact]
    public async Task A_span_that_cannot_be_folded_is_named_with_the_place_and_nothing_is_stored()
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, Call);
        var id = tenant.AddRaw(
            "trace", "t2", "lw.obs.trace.span_received", TestTenant.Start, Call.Value("secret", "\"of the customer\"").ToJson());
        await tenant.AppendAsync();

        var outcome = Run(tenant, Replay);

        Assert.StartsWith("InvalidEventPayload,", outcome.Terminating!.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(id, outcome.Terminating.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("'span.attributes[2].value' must be an object", outcome.Terminating.Exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("of the customer", outcome.Terminating.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(await RowsAsync(tenant));
        Assert.Empty(await tenant.MarkersAsync("traceSummary"));
    }

    [Fact]
    public async Task A_state_that_the_table_has_no_room_for_is_refused_by_name()
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, new SampleSpan().Event("first_token", -5));
        await tenant.AppendAsync();

        var outcome = Run(tenant, Replay);

        Assert.StartsWith("StateNotStorable,", outcome.Terminating!.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("TimeToFirstTokenMs", outcome.Terminating.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fractions_of_tokens_are_rounded_and_told()
    {
        var tenant = new TestTenant(servers);
        Add(tenant, "t1", TestTenant.Start, new SampleSpan().Number("gen_ai.usage.input_tokens", 2.5));
        await tenant.AppendAsync();

        var outcome = Run(tenant, Replay).ShouldSucceed();

        Assert.Equal(3, Assert.Single(await RowsAsync(tenant)).GetProperty("TotalPromptTokenCount").GetInt32());
        Assert.Contains("TotalPromptTokenCount", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    public void Dispose() => _session.Dispose();

    private static void Add(TestTenant tenant, string traceId, DateTimeOffset at, SampleSpan span) =>
        tenant.AddRaw("trace", traceId, "lw.obs.trace.span_received", at, (span with { TraceId = traceId }).ToJson());

    private async Task WritePricesAsync(string file, string inputPrice) => await File.WriteAllTextAsync(
        _session.PathOf(file),
        """{"models": {"shop/model-x": {"pricing": {"inputCostPerToken": PRICE}}}}"""
            .Replace("PRICE", inputPrice, StringComparison.Ordinal));

    private async Task<IReadOnlyList<JsonElement>> RowsAsync(TestTenant tenant) => await servers.QueryAsync(
        "SELECT *, toYearWeek(CreatedAt) AS Week FROM trace_summaries FINAL WHERE TenantId = {tenant:String}", ("tenant", tenant.Id));

    private ShellOutcome Run(TestTenant tenant, string script) => _session.Run(
        script,
        ("tenant", tenant.Id),
        ("urls", InvokeProjectionReplayTests.Urls(servers)));
}

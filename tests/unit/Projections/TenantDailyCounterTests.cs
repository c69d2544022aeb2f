using ProjectionReplay.Events;
using ProjectionReplay.Golden;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;

namespace ProjectionReplay.Projections;

public sealed class TenantDailyCounterTests
{
    private const string Span = "lw.obs.trace.span_received";
    private const string Own =
        """{"key":"langwatch.sdk.name","value":{"stringValue":"lw"}},{"key":"langwatch.sdk.version","value":{"stringValue":"1"}},"""
        + """{"key":"langwatch.sdk.language","value":{"stringValue":"go"}}""";
    private const string Telemetry =
        """{"key":"telemetry.sdk.name","value":{"stringValue":"my-langwatch-sdk"}},"""
        + """{"key":"telemetry.sdk.version","value":{"stringValue":"2"}},"""
        + """{"key":"telemetry.sdk.language","value":{"stringValue":"c"}}""";
    private const string Foreign =
        """{"key":"telemetry.sdk.name","value":{"stringValue":"opentelemetry"}},"""
        + """{"key":"telemetry.sdk.version","value":{"stringValue":"2"}},"""
        + """{"key":"telemetry.sdk.language","value":{"stringValue":"c"}}""";

    [Fact]
    public async Task Billable_events_of_an_aggregate_are_counted_by_UTC_day()
    {
        const long Midnight = SampleEvent.Noon + (12 * 3_600_000);
        var states = await TenantDailyBillableEventsProjection.ForTenants().FoldAsync(
        [
            SampleEvent.Of(Span, "") with { Timestamp = Midnight - 2 },
            SampleEvent.Of(Span, "not even JSON") with { Timestamp = Midnight - 1, OccurredAt = Midnight },
            SampleEvent.Of(Span, "") with { Timestamp = Midnight },
        ]);
        Assert.Equal(
            [("t1:2026-02-17", "t1", "2026-02-17", 2, Midnight - 1), ("t1:2026-02-18", "t1", "2026-02-18", 1, Midnight)],
            states.Select(state => (state.Key, state.State.TenantId, state.State.Date, state.State.Count, state.State.LastEventTimestamp)));
    }

    [Fact]
    public async Task Tenants_are_counted_apart()
    {
        var rows = Enumerable.Range(0, 6).Select(number =>
            SampleEvent.Of(Span, "{}") with { Aggregate = new($"t{number % 2}", "trace", $"a{number}") }).ToList();
        var billable = await TenantDailyBillableEventsProjection.ForTenants().FoldAsync(rows);
        Assert.Equal(3, billable.Count(state => state.Key == "t0:2026-02-17" && state.State.TenantId == "t0"));
        var spans = await TenantDailyEventStatsProjection.ForTenants().FoldAsync(rows);
        Assert.Equal(3, spans.Count(state => state.Key == "t1:2026-02-17:other::" && state.State.TenantId == "t1"));
    }

    [Fact]
    public void A_key_that_repeats_is_made_once()
    {
        var projection = TenantDailyBillableEventsProjection.ForTenants();
        Assert.Same(
            projection.GetKey(SampleEvent.Of(Span, "").ToReplayEvent()),
            projection.GetKey(SampleEvent.Of(Span, "").ToReplayEvent()));
    }

    [Theory]
    [InlineData(Own, "lw:1:go")]
    [InlineData(Telemetry, "my-langwatch-sdk:2:c")]
    [InlineData(Telemetry + "," + Own, "lw:1:go")]
    [InlineData(Foreign, "other::")]
    [InlineData(Own + "," + Own + """,{"key":"langwatch.sdk.version","value":{"stringValue":"3"}}""", "lw:3:go")]
    [InlineData(Own + """,{"key":"langwatch.sdk.version","value":{"stringValue":""}}""", "other::")]
    [InlineData(Own + """,{"key":"langwatch.sdk.version","value":{"intValue":"3"}}""", "other::")]
    [InlineData(Own + """,{"key":"langwatch.sdk.version","value":{"stringValue":3}}""", "other::")]
    [InlineData(Own + """,{"key":"langwatch.sdk.version","value":null}""", "other::")]
    [InlineData(Own + """,{"key":"langwatch.sdk.version"},""" + Telemetry, "my-langwatch-sdk:2:c")]
    [InlineData("""{"value":{}},{"key":null},{"key":"x","value":7},""" + Own, "lw:1:go")]
    [InlineData("", "other::")]
    public async Task The_SDK_is_the_first_that_the_resource_names_in_full(string attributes, string expected) =>
        Assert.Equal(expected, await SdkOfAsync("""{"resource":{"attributes":[""" + attributes + "]}}"));

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"resource":null}""")]
    [InlineData("""{"resource":{}}""")]
    [InlineData("""{"resource":{"attributes":null}}""")]
    public async Task A_span_without_resource_comes_from_another_SDK(string payload) =>
        Assert.Equal("other::", await SdkOfAsync(payload));

    [Theory]
    [InlineData("", "$")]
    [InlineData("""{"resource":"x"}""", "resource")]
    [InlineData("""{"resource":{"attributes":{}}}""", "resource.attributes")]
    [InlineData("""{"resource":{"attributes":[1]}}""", "resource.attributes[]")]
    [InlineData("""{"resource":{"attributes":[{"key":1}]}}""", "resource.attributes[].key")]
    [InlineData("""{"resource":{"attributes":[{"key":"langwatch.sdk.name","value":"x"}]}}""", "resource.attributes[].value")]
    public async Task An_invalid_event_names_the_field(string payload, string field)
    {
        var exception = await Assert.ThrowsAsync<InvalidEventPayloadException>(() => SdkOfAsync(payload));
        Assert.Equal(field, exception.Field);
    }

    [Fact]
    public async Task One_trace_may_count_towards_several_SDKs()
    {
        const string Mine = """{"resource":{"attributes":[""" + Own + "]}}";
        var states = await TenantDailyEventStatsProjection.ForTenants().FoldAsync(
            [SampleEvent.Of(Span, Mine), SampleEvent.Of(Span, "{}"), SampleEvent.Of(Span, Mine), SampleEvent.Of(Span, Mine)]);
        Assert.Equal(
            [("t1:2026-02-17:lw:1:go", 3), ("t1:2026-02-17:other::", 1)],
            states.Select(state => (state.Key, state.State.Count)));
    }

    private static async Task<string> SdkOfAsync(string payload)
    {
        var projected = (await TenantDailyEventStatsProjection.ForTenants().FoldAsync([SampleEvent.Of(Span, payload)])).Single();
        var sdk = $"{projected.State.SdkName}:{projected.State.SdkVersion}:{projected.State.SdkLanguage}";
        Assert.Equal($"t1:2026-02-17:{sdk}", projected.Key);
        return sdk;
    }
}

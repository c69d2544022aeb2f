namespace ProjectionReplay.Events;

public sealed class TimeToLiveTests
{
    private const string Start = "MergeTree PARTITION BY toYearWeek(CreatedAt) ORDER BY (TenantId, AggregateId)";

    [Theory]
    [InlineData("", false)]
    [InlineData(" SETTINGS index_granularity = 8192", false)]
    [InlineData(" TTL toDateTime(CreatedAt) + toIntervalYear(1) SETTINGS index_granularity = 8192", true)]
    [InlineData(" TTL toDateTime(CreatedAt) + toIntervalDay(49) TO VOLUME 'cold' SETTINGS storage_policy = 'tiered'", false)]
    [InlineData(" TTL toDateTime(CreatedAt) + toIntervalDay(49) TO DISK 's3'", false)]
    [InlineData(" TTL toDateTime(CreatedAt) + toIntervalDay(49) RECOMPRESS CODEC(ZSTD(9))", false)]
    [InlineData(" TTL addDays(toDateTime(CreatedAt), 49) TO VOLUME 'cold', toDateTime(CreatedAt) + toIntervalYear(1) DELETE", true)]
    [InlineData(" TTL addDays(toDateTime(CreatedAt), 400) DELETE WHERE AggregateType = 'trace'", true)]
    [InlineData(" TTL toDateTime(CreatedAt) + toIntervalYear(1) GROUP BY TenantId SET EventPayload = any(EventPayload)", true)]
    public void Rows_go_by_themselves_unless_all_of_it_only_moves_or_packs_them(string end, bool removes) =>
        Assert.Equal(removes, TimeToLive.Removes(Start + end));
}

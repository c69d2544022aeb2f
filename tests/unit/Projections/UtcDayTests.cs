using ProjectionReplay.Events;
using ProjectionReplay.Golden;

namespace ProjectionReplay.Projections;

public sealed class UtcDayTests
{
    [Theory]
    [InlineData(0, "1970-01-01")]
    [InlineData(1771286399999, "2026-02-16")]
    [InlineData(1771286400000, "2026-02-17")]
    [InlineData(253402300799999, "9999-12-31")]
    [InlineData(253402300800000, "+010000-01-01")]
    [InlineData(1771286400000000, "+058099-10-31")]
    [InlineData(8640000000000000, "+275760-09-13")]
    public void A_day_is_named_as_JavaScript_names_it(long timestamp, string expected) =>
        Assert.Equal(expected, UtcDay.Name(UtcDay.Of(Event(timestamp).ToReplayEvent())));

    [Theory]
    [InlineData(8640000000000001)]
    [InlineData(-1)]
    public void A_timestamp_beyond_any_date_makes_the_event_invalid(long timestamp)
    {
        var exception = Assert.Throws<InvalidEventPayloadException>(() => UtcDay.Of(Event(timestamp).ToReplayEvent()));
        Assert.Equal("EventTimestamp", exception.Field);
    }

    private static EventLogRow Event(long timestamp) => SampleEvent.Of("sample.happened", "") with { Timestamp = timestamp };
}

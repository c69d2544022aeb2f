namespace ProjectionReplay.Projections;

public sealed class KsuidTests
{
    [Theory]
    [InlineData("evalstate", 1750000000000, "project_abc123", "eval_1", "evalstate_0007n8Mg2EohXDbFPMAKMSEwspLuK")]
    [InlineData("tracesummary", 1767225600000, "t1", "trace_1", "tracesummary_0006OMZewJGsxM21DpNrXOTPsbKkq")]
    public void An_id_is_that_of_the_rows_already_stored(
        string resource, long milliseconds, string tenantId, string entityId, string expected) =>
        Assert.Equal(expected, Ksuid.Create(resource, milliseconds, tenantId, entityId));

    [Fact]
    public void Milliseconds_do_not_count() =>
        Assert.Equal(Ksuid.Create("evalstate", 1750000000000, "a", "b"), Ksuid.Create("evalstate", 1750000000999, "a", "b"));

    [Fact]
    public void Seconds_are_rounded_down_before_1970_too() =>
        Assert.Equal(Ksuid.Create("evalstate", -1, "a", "b"), Ksuid.Create("evalstate", -1000, "a", "b"));

    [Fact]
    public void A_long_identity_is_hashed_whole() =>
        Assert.NotEqual(
            Ksuid.Create("evalstate", 0, "t", new string('é', 5000) + "1"),
            Ksuid.Create("evalstate", 0, "t", new string('é', 5000) + "2"));

    [Fact]
    public void An_id_always_has_29_characters() =>
        Assert.Equal("x_".Length + 29, Ksuid.Create("x", 0, "", "").Length);
}

namespace ProjectionReplay.Diagnosis;

/// <summary>What is made of what a Postgres tells of its sessions.</summary>
public sealed class PostgresRulesTests
{
    [Theory]
    [InlineData(7, 7, false, "Passed", "No pooler was seen on the way.")]
    [InlineData(7, 7, true, "Passed", "does no harm")]
    [InlineData(7, 8, true, "Passed", "as the URL says")]
    [InlineData(7, 8, false, "Warning", "does not say so")]
    public void A_process_id_that_was_made_up_is_a_poolers(int announced, int process, bool isSaid, string result, string detail)
    {
        var found = PostgresRules.Pooler(announced, process, isSaid);

        Assert.Equal(result, found.Result.ToString());
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Passed", found.Advice.Length == 0);
    }

    [Theory]
    [InlineData("UTC", "Passed")]
    [InlineData("Etc/UTC", "Passed")]
    [InlineData("gmt", "Passed")]
    [InlineData("Europe/London", "Warning")]
    [InlineData("America/New_York", "Warning")]
    [InlineData("Etc/GMT+5", "Warning")]
    public void Only_UTC_is_UTC_all_the_year(string zone, string result)
    {
        var found = PostgresRules.TimeZone(["updatedAt"], zone);

        Assert.Equal(result, found.Result.ToString());
        Assert.Contains("'updatedAt'", found.Detail, StringComparison.Ordinal);
        Assert.Equal(CheckResult.Passed, PostgresRules.TimeZone([], zone).Result);
    }
}

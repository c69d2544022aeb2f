namespace ProjectionReplay.Diagnosis;

/// <summary>Whether a Redis takes writes, by what it tells.</summary>
public sealed class RedisWriteRuleTests
{
    private const string Sound = "rdb_last_bgsave_status=ok;maxmemory=0;used_memory=900;maxmemory_policy=noeviction";

    [Theory]
    [InlineData("", "Passed", "")]
    [InlineData("rdb_last_bgsave_status=err;stop-writes-on-bgsave-error=yes;save=3600 1", "Failed", "MISCONF")]
    [InlineData("rdb_last_bgsave_status=err;stop-writes-on-bgsave-error=yes;save=", "Passed", "")]
    [InlineData("rdb_last_bgsave_status=err;stop-writes-on-bgsave-error=no;save=3600 1", "Passed", "")]
    [InlineData("rdb_last_bgsave_status=err", "Warning", "unless stop-writes-on-bgsave-error is no")]
    [InlineData("aof_last_write_status=err", "Failed", "append-only")]
    [InlineData("aof_last_write_status=ok", "Passed", "")]
    [InlineData("min_slaves_good_slaves=1;min-replicas-to-write=2", "Failed", "1 of its replicas")]
    [InlineData("min_slaves_good_slaves=2;min-replicas-to-write=2", "Passed", "")]
    [InlineData("min_slaves_good_slaves=0", "Failed", "NOREPLICAS")]
    [InlineData("min_slaves_good_slaves=1", "Passed", "")]
    [InlineData("maxmemory=1000;used_memory=1000", "Failed", "OOM")]
    [InlineData("maxmemory=1000;used_memory=900", "Warning", "about to")]
    [InlineData("maxmemory=1000;used_memory=899", "Passed", "")]
    [InlineData("maxmemory=1000;used_memory=2000;maxmemory_policy=allkeys-lru", "Passed", "")]
    public void Writes_are_taken_unless_something_keeps_it_from_them(string told, string result, string detail)
    {
        var found = RedisWriteRule.Judge(Read($"{Sound};{told}"));

        Assert.Equal(result, found.Result.ToString());
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Passed", found.Advice.Length == 0);
    }

    [Fact]
    public void The_worst_of_several_counts_and_all_are_told()
    {
        var found = RedisWriteRule.Judge(Read($"{Sound};rdb_last_bgsave_status=err;maxmemory=1000;used_memory=1001"));

        Assert.Equal(CheckResult.Failed, found.Result);
        Assert.Contains("MISCONF", found.Detail, StringComparison.Ordinal);
        Assert.Contains("OOM", found.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("maxmemory=0;used_memory=1")]
    [InlineData("rdb_last_bgsave_status=ok")]
    public void A_server_that_does_not_tell_is_not_judged(string told)
    {
        var found = RedisWriteRule.Judge(Read(told));

        Assert.Equal(CheckResult.NotChecked, found.Result);
        Assert.NotEmpty(found.Advice);
    }

    private static Dictionary<string, string> Read(string told)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in told.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            read[pair[..at]] = pair[(at + 1)..];
        }

        return read;
    }
}

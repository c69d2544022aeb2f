using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Diagnosis;

/// <summary>What is made of the answers of servers that no test can start: old ones, replicated ones, locked ones.</summary>
public sealed class ClickHouseRulesTests
{
    private static readonly ReplicaState Sound = new(IsReadOnly: false, 0, 0, TotalReplicas: 3, ActiveReplicas: 3);

    [Theory]
    [InlineData("21.8.15.7", "Failed")]
    [InlineData("22.7.7.24", "Failed")]
    [InlineData("22.8.21.38", "Warning")]
    [InlineData("23.10.1.1976", "Warning")]
    [InlineData("24.7.6.8", "Warning")]
    [InlineData("24.8.14.10505.altinitystable", "Passed")]
    [InlineData("24.10.1.1", "Passed")]
    [InlineData("25.8.1.1", "Passed")]
    [InlineData("101.1", "Passed")]
    [InlineData("head", "NotChecked")]
    [InlineData("", "NotChecked")]
    public void Old_versions_are_refused(string version, string result)
    {
        var found = ClickHouseRules.Version(version);

        Assert.Equal(result, found.Result.ToString());
        Assert.Contains(version, found.Detail, StringComparison.Ordinal);
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData("0", true, "Passed")]
    [InlineData("0", false, "Passed")]
    [InlineData("1", true, "Failed")]
    [InlineData("1", false, "Passed")]
    [InlineData("2", true, "Failed")]
    [InlineData("2", false, "Passed")]
    public void Who_may_only_read_cannot_store(string mode, bool stores, string result)
    {
        var found = ClickHouseRules.ReadOnly("User 'u'", mode, stores);

        Assert.Equal(result, found.Result.ToString());
        Assert.Equal(mode != "0", found.Detail.Contains("-WhatIf and Compare-ReplayProjection work", StringComparison.Ordinal));
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData("async_insert", "1", "1", true, "Failed")]
    [InlineData("async_insert", "1", "1", false, "Passed")]
    [InlineData("async_insert", "1", "0", true, "Passed")]
    [InlineData("read_overflow_mode", "break", "1", false, "Failed")]
    [InlineData("read_overflow_mode", "throw", "1", true, "Passed")]
    [InlineData("max_threads", "1", "1", true, "Passed")]
    public void Settings_that_are_locked_are_named(string name, string value, string isLocked, bool stores, string result)
    {
        var found = ClickHouseRules.Settings(new ServerProfile([[name, value, isLocked], ["readonly", "0", "0"]]), stores);

        Assert.Equal(result, found.Result.ToString());
        Assert.Equal(result == "Failed", found.Detail.Contains($"{name} = '{value}', and does not let", StringComparison.Ordinal));
        Assert.Equal(isLocked == "0", found.Detail.Contains($"overrides, for its own queries, what the", StringComparison.Ordinal));
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData("MergeTree", true, "Passed", false)]
    [InlineData("SharedMergeTree", true, "Passed", false)]
    [InlineData("MergeTree", false, "Passed", true)]
    [InlineData("View", false, "Passed", true)]
    [InlineData("Distributed", false, "Warning", true)]
    public void A_log_is_told_by_its_engine(string engine, bool hasParts, string result, bool isCounted)
    {
        var found = ClickHouseRules.EventLogEngine(engine, hasParts);

        Assert.Equal(result, found.Result.ToString());
        Assert.Equal(isCounted, found.Detail.Contains("counted each time", StringComparison.Ordinal));
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData("ReplacingMergeTree", "Passed")]
    [InlineData("ReplicatedReplacingMergeTree", "Passed")]
    [InlineData("SharedReplacingMergeTree", "Passed")]
    [InlineData("ReplicatedMergeTree", "Failed")]
    [InlineData("AggregatingMergeTree", "Failed")]
    [InlineData("VersionedCollapsingMergeTree", "Failed")]
    [InlineData("CoalescingMergeTree", "Failed")]
    [InlineData("View", "Failed")]
    [InlineData("Null", "Failed")]
    [InlineData("Log", "Failed")]
    [InlineData("MaterializedView", "Warning")]
    [InlineData("Buffer", "Warning")]
    [InlineData("Distributed", "Warning")]
    public void A_target_keeps_the_latest_row(string engine, string result)
    {
        var found = ClickHouseRules.TargetEngine(engine);

        Assert.Equal(result, found.Result.ToString());
        ShouldAdvise(found);
    }

    public static TheoryData<string, string, string[]> Replicas { get; } = new()
    {
        { "0,0,0,3,3", "Passed", ["All 3 replicas are up"] },
        { "0,0,7,1,1", "Passed", ["All 1 replicas are up"] },
        { "1,0,0,3,3", "Failed", ["is read-only"] },
        { "0,12,5,3,3", "Warning", ["12 s behind, with 5 inserts in its queue"] },
        { "0,0,0,3,2", "Warning", ["Only 2 of 3 replicas"] },
        { "1,12,5,3,0", "Failed", ["is read-only", "12 s behind", "Only 0 of 3"] },
        { "0,1,0,2,1", "Warning", ["1 s behind", "Only 1 of 2"] },
    };

    [Theory]
    [MemberData(nameof(Replicas), DisableDiscoveryEnumeration = true)]
    public void Replicas_that_lag_or_are_gone_are_told(string row, string result, string[] details)
    {
        var found = ClickHouseRules.Replicas("ReplicatedMergeTree", [ReplicaState.Parse(row.Split(','))]);

        Assert.Equal(result, found.Result.ToString());
        Assert.All(details, detail => Assert.Contains(detail, found.Detail, StringComparison.Ordinal));
        Assert.Equal(details.Length, found.Detail.Count(letter => letter == '.'));
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData("ReplicatedReplacingMergeTree", "system.replicas")]
    [InlineData("SharedReplacingMergeTree", "share their data")]
    public void Replicas_that_the_server_does_not_tell_of_are_not_checked(string engine, string detail)
    {
        var found = ClickHouseRules.Replicas(engine, []);

        Assert.Equal(CheckResult.NotChecked, found.Result);
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        ShouldAdvise(found);
    }

    [Theory]
    [InlineData(3, "0", "Warning")]
    [InlineData(2, "1", "Warning")]
    [InlineData(2, null, "Warning")]
    [InlineData(3, "2", "Passed")]
    [InlineData(3, "auto", "Passed")]
    [InlineData(1, "0", null)]
    public void Inserts_that_one_replica_answers_for_are_warned_of(int replicas, string? quorum, string? result)
    {
        var found = ClickHouseRules.Quorum([Sound with { TotalReplicas = (ulong)replicas }], quorum);

        Assert.Equal(result, found?.Result.ToString());
        if (found is not null) ShouldAdvise(found);
        Assert.Null(ClickHouseRules.Quorum([], quorum));
    }

    private static void ShouldAdvise(CheckFinding found) => Assert.Equal(found.Result == CheckResult.Passed, found.Advice.Length == 0);
}

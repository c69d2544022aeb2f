using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Sandbox.Seeding;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class SeederTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private async Task<string> SeedAsync(string database, SeedOptions options)
    {
        await sandbox.QueryAsync($"CREATE DATABASE {database}");
        await sandbox.QueryAsync(SandboxSchema.EventLog, "&database=" + database);
        using var seeder = new EventSeeder(sandbox.Process.ClickHouseUrl!.Replace("/langwatch", "/" + database, StringComparison.Ordinal));
        var watch = Stopwatch.StartNew();
        var result = await seeder.SeedAsync(options, TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{result} in {watch.Elapsed.TotalSeconds:F1} s: {result.Events / watch.Elapsed.TotalSeconds:N0} events/s"));
        Assert.Equal($"{result.Events + result.Duplicates}\t{result.Events}\t{result.Aggregates}", await sandbox.QueryAsync(
            $"SELECT count(), uniqExact(EventId), uniqExact((TenantId, AggregateType, AggregateId)) FROM {database}.event_log"));
        return await sandbox.QueryAsync($"SELECT sum(cityHash64(* EXCEPT (CreatedAt))) FROM {database}.event_log");
    }

    [Fact]
    public async Task A_mixed_seed_has_all_kinds_of_events_over_the_whole_time()
    {
        await SeedAsync("mixed", new SeedOptions { Events = 30_000, Days = 60 });
        Assert.Equal("9", await sandbox.QueryAsync("SELECT uniqExact(EventType) FROM mixed.event_log"));
        Assert.Equal("3", await sandbox.QueryAsync("SELECT uniqExact(TenantId) FROM mixed.event_log"));
        Assert.Equal("1", await sandbox.QueryAsync("SELECT min(isValidJSON(EventPayload)) FROM mixed.event_log"));
        var days = await sandbox.QueryAsync("SELECT uniqExact(toDate(toDateTime64(EventTimestamp / 1000, 3))) FROM mixed.event_log");
        Assert.InRange(int.Parse(days, CultureInfo.InvariantCulture), 60, 61);
        Assert.Equal("1", await sandbox.QueryAsync(
            "SELECT min(match(EventId, '^[0-9]{13}:[^:]+:[^:]+:[a-z_]+:[0-9A-Za-z]{27}$')) FROM mixed.event_log"));
    }

    [Fact]
    public async Task The_same_options_make_the_same_events_and_another_seed_others()
    {
        var options = new SeedOptions { Events = 5_000, DuplicateEvery = 10 };
        var first = await SeedAsync("same1", options);
        Assert.Equal(first, await SeedAsync("same2", options));
        Assert.NotEqual(first, await SeedAsync("same3", options with { Seed = 2 }));
    }

    [Fact]
    public async Task Evaluations_alone_are_three_events_each()
    {
        await SeedAsync("evaluations", new SeedOptions { Events = 300_000, Mix = SeedMix.Evaluations });
        Assert.Equal("3\t3", await sandbox.QueryAsync(
            "SELECT min(n), max(n) FROM (SELECT count() AS n FROM evaluations.event_log GROUP BY TenantId, AggregateId)"));
        var length = await sandbox.QueryAsync("SELECT round(avg(length(EventPayload))) FROM evaluations.event_log");
        Assert.InRange(int.Parse(length, CultureInfo.InvariantCulture), 200, 400);
    }
}

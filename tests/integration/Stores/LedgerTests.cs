using System.Text.Json;
using CsCheck;
using Npgsql;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Stores;

/// <summary>Counters are added to once, however often the same events are replayed.</summary>
[Trait("Set", "Nightly")]
public sealed class LedgerTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Projection = "tenantDailyBillableEvents";

    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    /// <summary>
    /// The end of a tenant and an id, of two tenants: the key strings are alike, or would be if they were escaped less well.
    /// </summary>
    public static TheoryData<string, string, string, string> OneKey => TestExtent.IsFull
        ? new()
        {
            { "", "evaluation:e1", ":evaluation", "e1" },
            { ":evaluation", "e1", "", "evaluation:e1" },
            { "", "evaluation:evaluation:e1", ":evaluation", "evaluation:e1" },
            { "%3A", "e1", ":", "e1" },
            { "%", "e1", "%25", "e1" },
        }
        : new() { { "", "evaluation:e1", ":evaluation", "e1" }, { "%3A", "e1", ":", "e1" } };

    [Fact]
    public async Task Replaying_counters_again_adds_nothing_and_says_so()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(5).AppendAsync();
        Assert.Empty((await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed().Warnings);

        var again = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, new ReplayOptions { AggregateBatchSize = 2 });

        Assert.Equal((0, 0L), (again.ShouldSucceed().Last.AggregatesReplayed, again.Last.TotalEvents));
        Assert.Contains("projection_replay_ledger", Assert.Single(again.Warnings), StringComparison.Ordinal);
        Assert.Equal(5, (await tenant.BillableEventsAsync())["2026-01-10"]);
        Assert.Empty(await tenant.MarkersAsync(Projection));
    }

    [Fact]
    public async Task Aggregates_that_are_new_since_the_earlier_replay_are_added()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();
        await tenant.AddEvaluation("later").AppendAsync();

        var again = await ReplayOutcome.RunAsync(servers, BillableEvents, tenant);

        Assert.Equal(1, again.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(3, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task The_ledger_says_what_each_aggregate_contributed_and_up_to_where()
    {
        var tenant = new TestTenant(servers);
        tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start, "");
        tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start.AddHours(1), "");
        var last = tenant.AddRaw("trace", "t1", "lw.obs.trace.span_received", TestTenant.Start.AddDays(1), "");
        await tenant.AppendAsync();

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        var (cutoff, contribution) = await ReadEntryAsync($"{tenant.Id}:trace:t1");
        Assert.Equal(last, cutoff);
        Assert.Equal(
            new Dictionary<string, int> { [$"{tenant.Id}:2026-01-10"] = 2, [$"{tenant.Id}:2026-01-11"] = 1 },
            JsonSerializer.Deserialize<Dictionary<string, int>>(contribution));
    }

    [Fact]
    public async Task An_aggregate_in_the_ledger_is_left_to_the_live_handlers_with_what_came_later()
    {
        var tenant = await new TestTenant(servers).AddEvaluation("e1").AddEvaluation("e2").AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, aggregateIds: ["e1"])).ShouldSucceed();
        var before = await ReadEntryAsync(tenant.AggregateKey("e1"));
        tenant.AddRaw("evaluation", "e1", "lw.evaluation.started", TestTenant.Start.AddHours(1), "");
        await tenant.AppendAsync();
        var marked = new HashSet<string>();

        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, new ReplayOptions
        {
            Probe = async (boundary, _) =>
            {
                if (!boundary.IsBefore) marked.UnionWith((await tenant.MarkersAsync(Projection)).Keys);
            },
        })).ShouldSucceed();

        Assert.Equal([tenant.AggregateKey("e2")], marked);
        Assert.Equal(before, await ReadEntryAsync(tenant.AggregateKey("e1")));
        Assert.Equal(2, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    [Fact]
    public async Task Projections_and_tenants_have_ledgers_of_their_own()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        var neighbour = await new TestTenant(servers, tenant.Id + "2").AddEvaluations(2).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant)).ShouldSucceed();

        Assert.Equal(2, (await ReplayOutcome.RunAsync(servers, BillableEvents, neighbour)).ShouldSucceed().Last.AggregatesReplayed);
        Assert.Equal(
            2,
            (await ReplayOutcome.RunAsync(servers, TenantDailyBillableEventsProjection.ForProjects(), tenant))
                .ShouldSucceed().Last.AggregatesReplayed);
    }

    [Theory]
    [MemberData(nameof(OneKey))]
    public async Task Tenants_whose_aggregates_have_one_key_string_are_counted_each_for_itself(
        string suffix, string id, string otherSuffix, string otherId)
    {
        var first = $"project_{Guid.NewGuid():N}";
        var tenant = await new TestTenant(servers, first + suffix).AddEvaluation(id).AddEvaluation("more").AppendAsync();
        var neighbour = await new TestTenant(servers, first + otherSuffix).AddEvaluation(otherId).AddEvaluation("more").AppendAsync();
        if (!suffix.Contains('%', StringComparison.Ordinal)) Assert.Equal(tenant.AggregateKey(id), neighbour.AggregateKey(otherId));

        await ShouldReplayAsync(tenant, isRebuild: false, replayed: 2);
        await ShouldReplayAsync(neighbour, isRebuild: false, replayed: 2);
        await ShouldReplayAsync(tenant, isRebuild: false, replayed: 0);
        await ShouldReplayAsync(neighbour, isRebuild: false, replayed: 0);
        await ShouldReplayAsync(tenant, isRebuild: true, replayed: 2);
        await ShouldReplayAsync(neighbour, isRebuild: false, replayed: 0);
        await ShouldReplayAsync(neighbour, isRebuild: true, replayed: 2);
        await ShouldReplayAsync(tenant, isRebuild: false, replayed: 0);

        async Task ShouldReplayAsync(TestTenant replayedTenant, bool isRebuild, int replayed)
        {
            var outcome = (await ReplayOutcome.RunAsync(servers, BillableEvents, replayedTenant, isRebuild: isRebuild)).ShouldSucceed();
            Assert.Equal(replayed, outcome.Last.AggregatesReplayed);
            Assert.Equal(2, (await tenant.BillableEventsAsync())["2026-01-10"]);
            if (!isRebuild && replayed == 2 && replayedTenant == tenant) return;
            Assert.Equal(2, (await neighbour.BillableEventsAsync())["2026-01-10"]);
        }
    }

    [Theory]
    [InlineData("t", "trace", "x", "t:trace:x")]
    [InlineData("t", "trace", "a:b%3A:c", "t:trace:a:b%3A:c")]
    [InlineData("a:b", "trace", "x", "a%3Ab:trace:x")]
    [InlineData("a%b", "tr:ace", "x", "a%25b:tr%3Aace:x")]
    public void Only_a_colon_in_a_tenant_or_type_changes_what_an_aggregate_is_called(string tenant, string type, string id, string key) =>
        Assert.Equal(key, Key(new AggregateKey(tenant, type, id)));

    [Fact]
    public void No_two_aggregates_are_called_alike()
    {
        var part = Gen.Char[":%253Aa"].Array[0, 6].Select(characters => new string(characters));
        Gen.Select(part, part, part).Sample((tenant, type, id) =>
        {
            // What can be read back stands for one aggregate only.
            var parts = Key(new AggregateKey(tenant, type, id)).Split(':', 3);
            Assert.Equal((tenant, type, id), (Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts[1]), parts[2]));
        });
    }

    [Fact]
    public async Task The_ledger_is_created_beside_the_counters_also_by_two_first_runs_at_once()
    {
        var schema = $"counters \"{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE SCHEMA {Sql.Quote(schema)}");
        await ExecuteAsync(
            $"""CREATE TABLE {Sql.Quote(schema)}."TenantDailyBillableEvents" (LIKE public."TenantDailyBillableEvents" INCLUDING ALL)""");
        var connections = new ReplayConnections(null, _ => null)
        {
            ClickHouseUrl = servers.ClickHouseUrl,
            RedisUrl = servers.RedisUrl,
            DatabaseUrl = $"{servers.DatabaseUrl}?schema={Uri.EscapeDataString(Sql.Quote(schema))}",
        };
        var tenants = new List<TestTenant>();
        for (var i = 0; i < 4; i++) tenants.Add(await new TestTenant(servers).AddEvaluations(1).AppendAsync());

        var outcomes = await Task.WhenAll(
            tenants.Select(tenant => ReplayOutcome.RunAsync(servers, BillableEvents, tenant, connections: connections)));

        Assert.All(outcomes, outcome => outcome.ShouldSucceed());
        await using var command = servers.Postgres.CreateCommand($"SELECT count(*) FROM {Sql.Quote(schema)}.projection_replay_ledger");
        Assert.Equal(4L, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        await ExecuteAsync($"DROP SCHEMA {Sql.Quote(schema)} CASCADE");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = servers.Postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private async Task<(string Cutoff, string Contribution)> ReadEntryAsync(string aggregateKey)
    {
        await using var command = servers.Postgres.CreateCommand(
            "SELECT cutoff_event_id, contribution::text FROM projection_replay_ledger WHERE projection = $1 AND aggregate_key = $2");
        command.Parameters.Add(new NpgsqlParameter { Value = Projection });
        command.Parameters.Add(new NpgsqlParameter { Value = aggregateKey });
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        Assert.True(await reader.ReadAsync(TestContext.Current.CancellationToken), $"The ledger has no entry for {aggregateKey}.");
        return (reader.GetString(0), reader.GetString(1));
    }

    private static string Key(AggregateKey aggregate) => Assert.Single(LedgerKeyPrefix.KeysOf([aggregate]));
}

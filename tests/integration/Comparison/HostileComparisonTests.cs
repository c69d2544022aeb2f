using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>Comparisons of whatever tenants and aggregates are called, with rights to nothing but reading, and stopped half way.</summary>
[Trait("Set", "Nightly")]
public sealed class HostileComparisonTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    public static TheoryData<string> Kinds => HostileNames.Worst;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_of_any_kind_are_compared_in_whole_and_one_by_one(string kind)
    {
        var name = HostileNames.All[kind];
        var tenant = new TestTenant(servers, $"{Guid.NewGuid():N}{name}");
        string[] ids = [name, name + "2", "0" + name, "plain"];
        foreach (var id in ids) tenant.AddEvaluation(id);
        await tenant.AppendAsync();

        Assert.Equal(ids.Order(StringComparer.Ordinal), Keys(await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)));
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: [name])).ShouldSucceed();
        Assert.Equal(ids[1..].Order(StringComparer.Ordinal), Keys(await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)));
        Assert.Equal(
            [ids[1]],
            Keys(await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, request => request with { AggregateIds = ids[..2] })));
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        Assert.Empty((await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed().Lines);

        // With no event left every row is a stray.
        await servers.ExecuteAsync($"DELETE FROM event_log WHERE startsWith(TenantId, '{tenant.Id[..32]}')");
        var strays = (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant)).ShouldSucceed();
        Assert.Equal(ids.Order(StringComparer.Ordinal), Keys(strays));
        Assert.All(strays.Differences, difference => Assert.Equal(DifferenceKind.Extra, difference.Kind));
    }

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("tenantDailyBillableEvents")]
    public async Task With_rights_to_read_and_nothing_else_and_without_Redis_it_works_and_not_a_byte_changes(string name)
    {
        IFoldProjection projection = name == "evaluationState" ? Evaluations : BillableEvents;
        var tenant = await new TestTenant(servers).AddEvaluations(30).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, projection, tenant, aggregateIds: ["e0000", "e0001"])).ShouldSucceed();
        await TenantTraces.LeaveBehindAsync(servers, tenant.AggregateKey("e0003"), tenant.AggregateKey("e0004"));
        var keys = Enumerable.Range(0, 30).Select(i => tenant.AggregateKey(TestTenant.EvaluationId(i))).ToList();
        var before = await TenantTraces.ReadAsync(servers, tenant.Id, keys);
        await using var reader = await ReadOnlyRole.CreateAsync(servers);

        var outcome = await ComparisonOutcome.RunAsync(servers, projection, tenant, connections: reader.Connections);

        Assert.NotEmpty(outcome.ShouldSucceed().Lines);
        Assert.Equal(before, await TenantTraces.ReadAsync(servers, tenant.Id, keys));
        await TenantTraces.TakeAwayAsync(servers, [.. keys]);
        await Assert.ThrowsAnyAsync<Exception>(() => reader.WriteAsync());
        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: reader.Connections))
            .ShouldFailWith(ReplayError.ConnectionUrlMissing);
    }

    [Fact]
    public async Task Cancelled_in_the_middle_it_returns_within_two_seconds()
    {
        var tenant = new TestTenant(servers);
        await servers.ExecuteAsync($$"""
            INSERT INTO event_log
                (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload)
            SELECT '{{tenant.Id}}', 'x', 'evaluation', toString(number), concat('1768003200000:', toString(number)),
                'lw.evaluation.completed', '1', 1768003200000,
                concat('{"evaluationId":"', toString(number), '","status":"processed"}')
            FROM numbers(30000)
            """);
        using var cancellation = new CancellationTokenSource();
        var cancelledAt = 0L;
        var cancelling = Task.CompletedTask;

        var outcome = await ComparisonOutcome.RunAsync(
            servers,
            Evaluations,
            tenant,
            request => request with
            {
                // The rows are being read when the timer runs down.
                Pause = (_, _) =>
                {
                    cancelling = CancelSoonAsync();
                    return ValueTask.CompletedTask;
                },
            },
            cancellationToken: cancellation.Token);

        await cancelling;
        Assert.IsAssignableFrom<OperationCanceledException>(outcome.Exception);
        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), TimeProvider.System.GetElapsedTime(cancelledAt));

        async Task CancelSoonAsync()
        {
            await Task.Delay(5);
            cancelledAt = TimeProvider.System.GetTimestamp();
            await cancellation.CancelAsync();
        }
    }

    [Fact]
    public async Task Ids_that_nothing_can_be_called_are_refused()
    {
        foreach (var id in (string[])["", "a\0b", "a\uD800"])
        {
            var tenant = new TestTenant(servers);
            (await ComparisonOutcome.RunAsync(servers, Evaluations, tenant, request => request with { AggregateIds = ["e1", id] }))
                .ShouldFailWith(ReplayError.OptionInvalid);
            (await ComparisonOutcome.RunAsync(servers, Evaluations, new TestTenant(servers, id))).ShouldFailWith(ReplayError.OptionInvalid);
            (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, aggregateIds: ["e1", id]))
                .ShouldFailWith(ReplayError.OptionInvalid);
        }
    }

    private static IEnumerable<string> Keys(ComparisonOutcome outcome) =>
        outcome.ShouldSucceed().Differences.Select(difference => difference.Key).Order(StringComparer.Ordinal);

    /// <summary>Connections that may read and do nothing else, and none to Redis.</summary>
    private sealed class ReadOnlyRole : IAsyncDisposable
    {
        private readonly TestServers _servers;
        private readonly string _role = $"reader_{Guid.NewGuid():N}";

        private ReadOnlyRole(TestServers servers) => _servers = servers;

        public ReplayConnections Connections => new(directory: null, environment: _ => null)
        {
            ClickHouseUrl = $"{_servers.ClickHouseUrl}?clickhouse_setting_readonly=2",
            DatabaseUrl = new UriBuilder(_servers.DatabaseUrl) { UserName = _role, Password = "secret" }.Uri.AbsoluteUri,
        };

        public static async Task<ReadOnlyRole> CreateAsync(TestServers servers)
        {
            var role = new ReadOnlyRole(servers);
            await role.ExecuteAsync($"CREATE ROLE {role._role} LOGIN PASSWORD 'secret'");
            await role.ExecuteAsync($"""GRANT SELECT ON "TenantDailyBillableEvents" TO {role._role}""");
            return role;
        }

        /// <summary>Tries to write, which must fail.</summary>
        public async Task WriteAsync()
        {
            var (settings, _) = ServerSettings.ClickHouse(Connections.ResolveClickHouse());
            using var database = new ProjectionReplay.ClickHouse.ClickHouseDatabase(settings);
            await database.InsertAsync(
                "evaluation_states",
                [("Id", "String")],
                isConverted: false,
                (_, _) => Task.CompletedTask,
                TestContext.Current.CancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await ExecuteAsync($"DROP OWNED BY {_role}");
            await ExecuteAsync($"DROP ROLE {_role}");
        }

        private async Task ExecuteAsync(string sql)
        {
            await using var command = _servers.Postgres.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }
}

using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Ctrl+C in the middle of whatever takes long: back within two seconds, and no marker left.</summary>
public sealed class CancellationTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Theory]
    [InlineData(ReplayPhase.Load)]
    [InlineData(ReplayPhase.Mark)]
    [InlineData(ReplayPhase.Drain)]
    [InlineData(ReplayPhase.CatchUp)]
    [InlineData(ReplayPhase.Cutoff)]
    [InlineData(ReplayPhase.Store)]
    [InlineData(ReplayPhase.Unmark)]
    public async Task In_any_phase_of_many_aggregates(ReplayPhase phase)
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
        var options = new ReplayOptions
        {
            AggregateBatchSize = 20_000,
            Probe = (boundary, ignored) =>
            {
                // The phase goes on while the timer runs down.
                if (boundary == new ReplayBoundary(1, phase, IsBefore: true)) cancelling = CancelSoonAsync();
                return ValueTask.CompletedTask;
            },
        };

        var outcome = await ReplayOutcome.RunAsync(servers, Evaluations, tenant, options, cancellationToken: cancellation.Token);

        await cancelling;
        await ShouldHaveEndedAsync(outcome, tenant, "evaluationState", cancelledAt);

        async Task CancelSoonAsync()
        {
            await Task.Delay(5);
            cancelledAt = TimeProvider.System.GetTimestamp();
            await cancellation.CancelAsync();
        }
    }

    [Fact]
    public async Task In_a_long_drain_of_many_aggregates()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(500).AppendAsync();
        var jobs = Enumerable.Range(0, 500)
            .Select(i => tenant.AggregateKey(TestTenant.EvaluationId(i)))
            .Select(key => $"{{evaluation_processing/projection/evaluationState}}:gq:group:{key}:active")
            .ToList();
        await Task.WhenAll(jobs.Select(job => servers.Redis.StringSetAsync(job, "job-1")));

        await CancelWhenAsync(
            Evaluations, tenant, servers.Connections, async () => (await tenant.MarkersAsync("evaluationState")).Count == 500);

        await Task.WhenAll(jobs.Select(job => servers.Redis.KeyDeleteAsync(job)));
    }

    [Fact]
    public async Task In_a_page_that_takes_long_to_come()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        await SlowDownAsync(
            database, tenant, "event_log", "EventPayload String ALIAS concat(RawPayload, substring(toString(sleepEachRow(0.045)), 2))");

        // ClickHouse sleeps for three seconds a block at most.
        await CancelWhenAsync(Evaluations, tenant, database.Connections, () => IsRunningAsync(database, "EventPayload"));
    }

    [Fact]
    public async Task In_an_insert_that_takes_long()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        await database.CopyAsync(tenant);
        await servers.ExecuteAsync(
            $"ALTER TABLE {database.Table("evaluation_states")} ADD COLUMN Slow UInt8 MATERIALIZED sleepEachRow(0.14)");

        await CancelWhenAsync(Evaluations, tenant, database.Connections, () => IsRunningAsync(database, "INSERT INTO"));
    }

    [Fact]
    public async Task In_a_transaction_that_waits_for_another()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(20).AppendAsync();
        await using var connection = await servers.Postgres.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var command = new Npgsql.NpgsqlCommand(
            """INSERT INTO "TenantDailyBillableEvents" (id, "tenantId", date) VALUES ($1, $2, '2026-01-10')""", connection, transaction))
        {
            command.Parameters.AddWithValue($"{tenant.Id}:2026-01-10");
            command.Parameters.AddWithValue(tenant.Id);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await CancelWhenAsync(BillableEvents, tenant, servers.Connections, IsWaitingForALockAsync);

        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        Assert.Empty(await tenant.BillableEventsAsync());
    }

    private async Task CancelWhenAsync(
        IFoldProjection projection, TestTenant tenant, Configuration.ReplayConnections connections, Func<Task<bool>> isThere)
    {
        using var cancellation = new CancellationTokenSource();
        var replay = ReplayOutcome.RunAsync(servers, projection, tenant, connections: connections, cancellationToken: cancellation.Token);
        while (!await isThere())
        {
            Assert.False(
                replay.IsCompleted,
                $"The run should have been at work still, but ended with {(replay.IsCompleted ? (await replay).Exception : null)}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        var cancelledAt = TimeProvider.System.GetTimestamp();
        await cancellation.CancelAsync();
        await ShouldHaveEndedAsync(await replay, tenant, projection.Definition.Name, cancelledAt);
    }

    private static async Task ShouldHaveEndedAsync(ReplayOutcome outcome, TestTenant tenant, string projection, long cancelledAt)
    {
        var took = TimeProvider.System.GetElapsedTime(cancelledAt);
        Assert.IsAssignableFrom<OperationCanceledException>(outcome.Exception);
        Punctuality.ShouldKeep(TimeSpan.FromSeconds(2), took);
        Assert.Empty(await tenant.MarkersAsync(projection));
        Assert.Empty(outcome.Warnings);
    }

    private async Task SlowDownAsync(OwnDatabase database, TestTenant tenant, string table, string column)
    {
        await database.CopyAsync(tenant);
        await servers.ExecuteAsync($"ALTER TABLE {database.Table(table)} RENAME COLUMN EventPayload TO RawPayload");
        await servers.ExecuteAsync($"ALTER TABLE {database.Table(table)} ADD COLUMN {column}");
    }

    private async Task<bool> IsRunningAsync(OwnDatabase database, string text) => (await servers.QueryAsync(
        "SELECT 1 AS found FROM system.processes "
            + "WHERE current_database = {database:String} AND position(query, {text:String}) > 0 AND elapsed > 0.2",
        ("database", database.Name),
        ("text", text))).Count > 0;

    private async Task<bool> IsWaitingForALockAsync()
    {
        await using var command = servers.Postgres.CreateCommand(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'projection-replay' AND wait_event_type = 'Lock' "
                + "AND datname = current_database()");
        return await command.ExecuteScalarAsync() is > 0L;
    }
}

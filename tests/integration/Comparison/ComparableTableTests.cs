using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Comparison;

/// <summary>Tables that are not quite as they are meant to be, and those of somebody else.</summary>
public sealed class ComparableTableTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly EvaluationStateProjection Evaluations = new();

    [Fact]
    public async Task Values_are_compared_as_a_table_of_other_types_holds_them()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        var tenant = new TestTenant(servers);
        for (var i = 0; i < 700; i++) tenant.AddEvaluation($"e{i:000}", score: (i + 0.123456789) / 1000);
        await tenant.AppendAsync();
        await database.CopyAsync(tenant);
        foreach (var column in (string[])
            [
                "Score Nullable(Decimal(9, 4))", "IsGuardrail Bool", "Passed Nullable(Bool)",
                "ScheduledAt Nullable(DateTime64(6))", "StartedAt Nullable(DateTime)",
                "Status Enum8('scheduled' = 1, 'in_progress' = 2, 'processed' = 3)", "EvaluatorName LowCardinality(Nullable(String))",
            ])
        {
            await servers.ExecuteAsync($"ALTER TABLE {database.Table("evaluation_states")} MODIFY COLUMN {column}");
        }

        (await ReplayOutcome.RunAsync(servers, Evaluations, tenant, connections: database.Connections)).ShouldSucceed();
        Assert.Empty((await CompareAsync(tenant, database)).ShouldSucceed().Lines);

        await ChangeAsync(database, "e500", "toDecimal32(0.5002, 4) AS Score");
        await ChangeAsync(database, "e501", "true AS IsGuardrail, addMilliseconds(assumeNotNull(ScheduledAt), 1) AS ScheduledAt");
        await ChangeAsync(database, "e502", "NULL AS Score, 'x' AS EvaluatorName");

        Assert.Equal(
            [
                "Different e500 Score 0.5001 0.5002",
                "Different e501 IsGuardrail false true",
                "Different e501 ScheduledAt 2026-01-10 00:00:00.000000 2026-01-10 00:00:00.001000",
                "Different e502 EvaluatorName null x",
                "Different e502 Score 0.5021 null",
            ],
            (await CompareAsync(tenant, database)).ShouldSucceed().Lines);
    }

    [Theory]
    [InlineData("MergeTree", "ORDER BY (TenantId, EvaluationId)", "keeps every row")]
    [InlineData("ReplacingMergeTree(UpdatedAt)", "ORDER BY (TenantId, EvaluationId, UpdatedAt)", "'UpdatedAt'")]
    [InlineData("ReplacingMergeTree(UpdatedAt)", "ORDER BY TenantId", "no column of its sorting key is text")]
    [InlineData("Memory", "", "no sorting key")]
    public async Task A_table_of_which_no_row_is_the_latest_is_refused(string engine, string order, string reason)
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync(
            $"CREATE TABLE {database.Table("other")} ENGINE = {engine} {order} AS SELECT * FROM {database.Table("evaluation_states")}");
        await servers.ExecuteAsync($"DROP TABLE {database.Table("evaluation_states")}");
        await servers.ExecuteAsync($"RENAME TABLE {database.Table("other")} TO {database.Table("evaluation_states")}");

        var message = (await CompareAsync(new TestTenant(servers), database)).ShouldFailWith(ReplayError.ComparisonNotPossible);

        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_table_or_column_is_named()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync($"ALTER TABLE {database.Table("evaluation_states")} DROP COLUMN Label");
        Assert.Contains(
            "'Label'",
            (await CompareAsync(new TestTenant(servers), database)).ShouldFailWith(ReplayError.TableMissing),
            StringComparison.Ordinal);

        await servers.ExecuteAsync($"DROP TABLE {database.Table("evaluation_states")}");
        Assert.Contains(
            "evaluation_states",
            (await CompareAsync(new TestTenant(servers), database)).ShouldFailWith(ReplayError.TableMissing),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_projection_of_ones_own_is_compared_when_its_rows_are_those_of_a_LatestRowTable()
    {
        await using var database = await OwnDatabase.CreateAsync(servers);
        await servers.ExecuteAsync(
            $"CREATE TABLE {database.Table("own_counts")} (Evaluation String, Tenant String, Events UInt32, At DateTime DEFAULT now()) "
                + "ENGINE = ReplacingMergeTree(At) ORDER BY (Tenant, Evaluation)");
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        await database.CopyAsync(tenant);
        var projection = new OwnProjection(
            connections => new ClickHouseLatestRowStore<OwnCount>(connections.ClickHouse, OwnProjection.Rows));
        Assert.Equal(
            2,
            (await ComparisonOutcome.RunAsync(servers, projection, tenant, connections: database.Connections))
                .ShouldSucceed().Differences.Count);
        (await ReplayOutcome.RunAsync(servers, projection, tenant, connections: database.Connections)).ShouldSucceed();
        await servers.ExecuteAsync(
            $"INSERT INTO {database.Table("own_counts")} (Tenant, Evaluation, Events, At) "
                + $"VALUES ('{tenant.Id}', 'e0001', 4, now() + 60), ('somebody else', 'e0001', 9, now() + 60)");

        var outcome = (await ComparisonOutcome.RunAsync(servers, projection, tenant, connections: database.Connections)).ShouldSucceed();

        Assert.Equal(
            [$"Different {tenant.Id}/e0001 Events 3 4"],
            outcome.Lines.Select(line => line.Replace($"e0001/{tenant.Id}", $"{tenant.Id}/e0001", StringComparison.Ordinal)));
        Assert.Contains(outcome.Verbose, line => line.Contains("rows without events are not looked for", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_of_ones_own_cannot_be_read_back_and_is_refused_by_name()
    {
        var projection = new OwnProjection(connections => new OwnStore(connections));

        var message = (await ComparisonOutcome.RunAsync(servers, projection, new TestTenant(servers)))
            .ShouldFailWith(ReplayError.ComparisonNotPossible);

        Assert.Contains("'ownCounts'", message, StringComparison.Ordinal);
    }

    private Task<ComparisonOutcome> CompareAsync(TestTenant tenant, OwnDatabase database) =>
        ComparisonOutcome.RunAsync(servers, Evaluations, tenant, connections: database.Connections);

    private Task ChangeAsync(OwnDatabase database, string id, string changes) => servers.ExecuteAsync($"""
        INSERT INTO {database.Table("evaluation_states")}
        SELECT * REPLACE ({changes}, UpdatedAt + 1 AS UpdatedAt)
        FROM {database.Table("evaluation_states")} FINAL
        WHERE EvaluationId = '{id}'
        """);

    private sealed class OwnCount
    {
        public uint Events { get; set; }
    }

    private sealed class OwnProjection(Func<StoreConnections, IProjectionStore<OwnCount>> createStore) : FoldProjection<OwnCount>
    {
        public static readonly LatestRowTable<OwnCount> Rows = new LatestRowTable<OwnCount>("own_counts")
            .String("Evaluation", row => row.Aggregate.AggregateId)
            .String("Tenant", row => row.Aggregate.TenantId)
            .UInt32("Events", row => row.State.Events);

        public override ProjectionDefinition Definition { get; } = new()
        {
            Name = "ownCounts",
            Pipeline = "own",
            AggregateTypes = ["evaluation"],
            EventTypes = ["lw.evaluation.scheduled", "lw.evaluation.started", "lw.evaluation.completed"],
            Version = "2026-01-31",
            Columns = EventColumns.None,
            Store = ProjectionStoreKind.ClickHouse,
            Table = "own_counts",
            ReplaySafety = ReplaySafety.LatestRow,
        };

        public override OwnCount CreateState(in ReplayEvent first) => new();

        public override OwnCount Apply(OwnCount state, in ReplayEvent replayEvent)
        {
            state.Events++;
            return state;
        }

        public override IProjectionStore<OwnCount> CreateStore(StoreConnections connections) => createStore(connections);
    }

    /// <summary>Keeps its rows where nobody knows.</summary>
    private sealed class OwnStore(StoreConnections connections) : IProjectionStore<OwnCount>
    {
        private readonly ClickHouseLatestRowStore<OwnCount> _rows = new(connections.ClickHouse, OwnProjection.Rows);

        public Task CheckAsync(CancellationToken cancellationToken) => _rows.CheckAsync(cancellationToken);

        public IStateBuffer<OwnCount> CreateBuffer() => _rows.CreateBuffer();

        public Task<IReadOnlyList<string>> StoreAsync(IReadOnlyList<IStateBuffer<OwnCount>> buffers, CancellationToken cancellationToken) =>
            _rows.StoreAsync(buffers, cancellationToken);
    }
}

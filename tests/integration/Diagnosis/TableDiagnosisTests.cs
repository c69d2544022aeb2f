using ProjectionReplay.Faults;
using ProjectionReplay.Hostile;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Diagnosis;

/// <summary>What is wrong with a table, a replay refuses and a diagnosis names: by one rule.</summary>
public sealed class TableDiagnosisTests(TestServers servers) : IClassFixture<TestServers>
{
    private const string Counters =
        """("id" text PRIMARY KEY, "tenantId" text, date text, count integer, "lastEventTimestamp" bigint, "updatedAt" timestamp)""";

    private static readonly EvaluationStateProjection Evaluations = new();
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    [Theory]
    [InlineData("DROP TABLE {event_log}", "event_log", "Table", "Failed", "has no table 'event_log'")]
    [InlineData("ALTER TABLE {event_log} DROP COLUMN EventPayload", "event_log", "Columns", "Failed", "has no column 'EventPayload'")]
    [InlineData(
        "ALTER TABLE {event_log} MODIFY COLUMN EventPayload Nullable(String)",
        "event_log",
        "Types",
        "Failed",
        "'EventPayload' is Nullable(String) instead of String")]
    [InlineData(
        "ALTER TABLE {event_log} MODIFY COLUMN EventOccurredAt UInt32",
        "event_log",
        "Types",
        "Failed",
        "'EventOccurredAt' is UInt32 instead of UInt64")]
    [InlineData("ALTER TABLE {event_log} MODIFY COLUMN EventOccurredAt Int64", "event_log", "Types", "Passed", "")]
    [InlineData("ALTER TABLE {event_log} MODIFY COLUMN CreatedAt DateTime DEFAULT now()", "event_log", "Types", "Passed", "")]
    [InlineData("ALTER TABLE {event_log} MODIFY COLUMN EventVersion String", "event_log", "Types", "Passed", "")]
    [InlineData("DROP TABLE {evaluation_states}", "evaluation_states", "Table", "Failed", "has no table 'evaluation_states'")]
    [InlineData(
        "ALTER TABLE {evaluation_states} DROP COLUMN Label, DROP COLUMN Score",
        "evaluation_states",
        "Columns",
        "Failed",
        "has no column 'Score', 'Label'")]
    [InlineData(
        "ALTER TABLE {evaluation_states} DROP COLUMN Score, ADD COLUMN Score Array(Array(UInt8))",
        "evaluation_states",
        "Types",
        "Failed",
        "'Score' is Array(Array(UInt8)) instead of Nullable(Float64)")]
    [InlineData(
        "ALTER TABLE {evaluation_states} DROP COLUMN Score, ADD COLUMN Score String",
        "evaluation_states",
        "Types",
        "Warning",
        "'Score' is String instead of Nullable(Float64)")]
    [InlineData("ALTER TABLE {evaluation_states} MODIFY COLUMN IsGuardrail Bool", "evaluation_states", "Types", "Passed", "")]
    [InlineData("ALTER TABLE {evaluation_states} ADD COLUMN More String", "evaluation_states", "Types", "Passed", "")]
    public async Task Of_ClickHouse(string statement, string table, string check, string result, string detail)
    {
        await using var database = await OwnDatabase.CreateAsync(servers, "it's `own`");
        await servers.ExecuteAsync(statement
            .Replace("{event_log}", database.Table("event_log"), StringComparison.Ordinal)
            .Replace("{evaluation_states}", database.Table("evaluation_states"), StringComparison.Ordinal));

        var outcome = await DiagnosisOutcome.RunAsync(database.Connections, null, Evaluations);

        var found = outcome.ShouldBe(result, "ClickHouse", check, table);
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Passed" ? [] : [found], outcome.Faults);
        ShouldAgree(
            result, found, await ReplayOutcome.RunAsync(servers, Evaluations, new TestTenant(servers), connections: database.Connections));
    }

    [Theory]
    [InlineData("", "Table", "Failed", "has no table \"TenantDailyBillableEvents\" in schema ")]
    [InlineData("ALTER TABLE {} DROP COLUMN count", "Columns", "Failed", "has no column 'count'")]
    [InlineData("ALTER TABLE {} ALTER COLUMN date TYPE date USING date::date", "Types", "Failed", "'date' is date instead of text")]
    [InlineData(
        "ALTER TABLE {} ALTER COLUMN \"lastEventTimestamp\" TYPE integer",
        "Types",
        "Failed",
        "'lastEventTimestamp' is int4 instead of int8")]
    [InlineData("ALTER TABLE {} ALTER COLUMN count TYPE bigint", "Types", "Passed", "")]
    [InlineData("ALTER TABLE {} ALTER COLUMN date TYPE varchar(10), ALTER COLUMN \"updatedAt\" TYPE timestamptz(3)", "Types", "Passed", "")]
    [InlineData(
        "CREATE DOMAIN {schema}.day AS text; CREATE DOMAIN {schema}.utc_day AS {schema}.day; "
            + "ALTER TABLE {} ALTER COLUMN date TYPE {schema}.utc_day",
        "Types",
        "Passed",
        "")]
    [InlineData(
        "ALTER TABLE {} DROP CONSTRAINT \"TenantDailyBillableEvents_pkey\"", "Key", "Failed", "no primary key and no unique index on id")]
    [InlineData(
        "ALTER TABLE {} DROP CONSTRAINT \"TenantDailyBillableEvents_pkey\", ADD UNIQUE (id, date)",
        "Key",
        "Failed",
        "no primary key and no unique index on id")]
    [InlineData(
        "ALTER TABLE {} DROP CONSTRAINT \"TenantDailyBillableEvents_pkey\"; CREATE UNIQUE INDEX ON {} (id) WHERE count > 0",
        "Key",
        "Failed",
        "no primary key and no unique index on id")]
    [InlineData("ALTER TABLE {} DROP CONSTRAINT \"TenantDailyBillableEvents_pkey\"; CREATE UNIQUE INDEX ON {} (id)", "Key", "Passed", "")]
    public async Task Of_Postgres(string statement, string check, string result, string detail)
    {
        await using var account = await PostgresAccount.CreateAsync(servers);
        var table = $"{account.Name}.\"TenantDailyBillableEvents\"";
        if (statement.Length > 0)
        {
            await account.ExecuteAsync($"CREATE TABLE {table} {Counters}");
            await account.ExecuteAsync(
                statement.Replace("{}", table, StringComparison.Ordinal).Replace("{schema}", account.Name, StringComparison.Ordinal));
            await account.ExecuteAsync($"GRANT ALL ON {table} TO {account.Name}");
        }

        await account.ExecuteAsync($"GRANT CREATE ON SCHEMA {account.Name} TO {account.Name}");

        var outcome = await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents);

        var found = outcome.ShouldBe(result, "Postgres", check, "TenantDailyBillableEvents");
        Assert.Contains(detail, found.Detail, StringComparison.Ordinal);
        Assert.Equal(result == "Passed" ? [] : [found], outcome.Faults);
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        ShouldAgree(result, found, await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, connections: account.Connections));
    }

    [Fact]
    public async Task A_Postgres_role_without_rights_is_told_which_it_needs()
    {
        await using var account = await PostgresAccount.CreateAsync(servers);
        var table = $"{account.Name}.\"TenantDailyBillableEvents\"";
        await account.ExecuteAsync($"CREATE TABLE {table} {Counters}");

        var none = await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents);
        Assert.Equal(
            "The user may not SELECT, INSERT, UPDATE.",
            none.ShouldBe("Failed", "Postgres", "Permission", "TenantDailyBillableEvents").Detail);
        Assert.Contains(
            $"GRANT USAGE, CREATE ON SCHEMA {account.Name}",
            none.ShouldBe("Failed", "Postgres", "Permission", $"schema {account.Name}").Advice,
            StringComparison.Ordinal);

        await account.ExecuteAsync($"GRANT SELECT, INSERT, UPDATE ON {table} TO {account.Name}");
        await account.ExecuteAsync($"GRANT CREATE ON SCHEMA {account.Name} TO {account.Name}");
        var enough = await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents);
        Assert.Contains(
            "-Rebuild", enough.ShouldBe("Warning", "Postgres", "Permission", "TenantDailyBillableEvents").Detail, StringComparison.Ordinal);
        enough.ShouldBe("Passed", "Postgres", "Permission", $"schema {account.Name}");
        Assert.Contains(
            "no ledger yet",
            enough.ShouldBe("Passed", "Postgres", "Ledger", $"{account.Name}.projection_replay_ledger").Detail,
            StringComparison.Ordinal);
        Assert.Single(enough.Faults);

        // The advice is true: a replay works with no more than that.
        var tenant = await new TestTenant(servers).AddEvaluations(2).AppendAsync();
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, connections: account.Connections)).ShouldSucceed();
        var after = await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents);
        Assert.Contains(
            "is there",
            after.ShouldBe("Passed", "Postgres", "Ledger", $"{account.Name}.projection_replay_ledger").Detail,
            StringComparison.Ordinal);
        after.ShouldBe("Passed", "Postgres", "Permission", $"{account.Name}.projection_replay_ledger");

        // And needed: without CREATE it fails even though the ledger is there.
        await account.ExecuteAsync($"REVOKE CREATE ON SCHEMA {account.Name} FROM {account.Name}");
        (await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents))
            .ShouldBe("Failed", "Postgres", "Permission", $"schema {account.Name}");
        (await ReplayOutcome.RunAsync(servers, BillableEvents, tenant, connections: account.Connections))
            .ShouldFailWith(ReplayError.PostgresUnavailable);
    }

    [Fact]
    public async Task A_Postgres_role_that_may_only_read_is_found_out()
    {
        await using var account = await PostgresAccount.CreateAsync(servers);
        await account.ExecuteAsync($"ALTER ROLE {account.Name} SET default_transaction_read_only = on");

        Assert.Contains(
            "read-only",
            (await DiagnosisOutcome.RunAsync(account.Connections, null, BillableEvents)).ShouldBe("Failed", "Postgres", "ReadOnly").Detail,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_written_to_Postgres_or_ClickHouse()
    {
        await using var account = await PostgresAccount.CreateAsync(servers);
        await using var database = await OwnDatabase.CreateAsync(servers);
        await account.ExecuteAsync($"CREATE TABLE {account.Name}.\"TenantDailyBillableEvents\" {Counters}");
        await account.ExecuteAsync($"GRANT ALL ON SCHEMA {account.Name} TO {account.Name}");
        await account.ExecuteAsync($"GRANT ALL ON {account.Name}.\"TenantDailyBillableEvents\" TO {account.Name}");

        // Every transaction is read-only: a write would be an error.
        await account.ExecuteAsync($"ALTER ROLE {account.Name} SET default_transaction_read_only = on");
        var connections = new Configuration.ReplayConnections(directory: null, environment: _ => null)
        {
            ClickHouseUrl = database.Connections.ClickHouseUrl + "?clickhouse_setting_readonly=2",
            RedisUrl = servers.RedisUrl,
            DatabaseUrl = account.Url,
        };

        var outcome = await DiagnosisOutcome.RunAsync(connections, "t1", Evaluations, BillableEvents);

        Assert.Equal(
            [("ClickHouse", "ReadOnly"), ("ClickHouse", "Permission"), ("Postgres", "ReadOnly")],
            outcome.Faults.Where(check => check.Result == "Failed").Select(check => (check.Server, check.Check)));
        Assert.Contains(
            "CHECK GRANT", outcome.ShouldBe("Failed", "ClickHouse", "Permission", "evaluation_states").Detail, StringComparison.Ordinal);
        outcome.ShouldBe("Passed", "Postgres", "Permission", "TenantDailyBillableEvents");
        var rows = Assert.Single(await servers.QueryAsync(
            $"SELECT (SELECT count() FROM {database.Table("evaluation_states")}) "
                + $"+ (SELECT count() FROM {database.Table("event_log")}) AS rows"));
        Assert.Equal(0, rows.GetProperty("rows").GetInt32());
        await using var count = servers.Postgres.CreateCommand(
            $"SELECT count(*) FROM pg_class WHERE relnamespace = '{account.Name}'::regnamespace AND relkind = 'r'");
        Assert.Equal(1L, await count.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>A replay refuses what failed, in the same words, and nothing else.</summary>
    private static void ShouldAgree(string result, ConnectionCheck found, ReplayOutcome replay)
    {
        if (result == "Failed")
        {
            replay.ShouldFailWith(ReplayError.TableMissing);
            Assert.Equal($"{found.Detail} {found.Advice}", replay.Exception!.Message);
        }
        else
        {
            replay.ShouldSucceed();
        }
    }
}

using Npgsql;
using ProjectionReplay.Sandbox.ClickHouse;
using ProjectionReplay.Sandbox.Postgres;

namespace ProjectionReplay.Sandbox;

/// <summary>The tables of a deployed system: names, types and keys are a contract.</summary>
public static class SandboxSchema
{
    /// <summary>The database of both ClickHouse and PostgreSQL.</summary>
    public const string Database = "langwatch";

    /// <summary>ClickHouse: the events, one row each, at least once.</summary>
    public const string EventLog = """
        CREATE TABLE IF NOT EXISTS event_log
        (
            TenantId String CODEC(ZSTD(1)),
            IdempotencyKey String CODEC(ZSTD(1)),
            AggregateType LowCardinality(String),
            AggregateId String CODEC(ZSTD(1)),
            EventId String CODEC(ZSTD(1)),
            EventType LowCardinality(String),
            EventVersion LowCardinality(String),
            EventTimestamp UInt64 CODEC(Delta(8), ZSTD(1)),
            EventOccurredAt UInt64 DEFAULT 0,
            CreatedAt DateTime64(3) DEFAULT now64(3),
            EventPayload String CODEC(ZSTD(3)),
            ProcessingTraceparent String DEFAULT '',
            INDEX idx_event_id EventId TYPE bloom_filter(0.001) GRANULARITY 1,
            INDEX idx_idempotency_key IdempotencyKey TYPE bloom_filter(0.001) GRANULARITY 1,
            INDEX idx_aggregate_event (TenantId, AggregateType, AggregateId, EventId) TYPE bloom_filter(0.001) GRANULARITY 1,
            INDEX idx_event_timestamp EventTimestamp TYPE minmax GRANULARITY 1
        )
        ENGINE = MergeTree
        PARTITION BY (AggregateType, toYearWeek(toDateTime64(EventTimestamp / 1000, 3)))
        ORDER BY (TenantId, AggregateType, AggregateId, EventTimestamp, EventId)
        """;

    /// <summary>ClickHouse: the latest state of each evaluation.</summary>
    public const string EvaluationStates = """
        CREATE TABLE IF NOT EXISTS evaluation_states
        (
            Id String,
            TenantId String,
            EvaluationId String,
            Version String,
            EvaluatorId String,
            EvaluatorType LowCardinality(String),
            EvaluatorName Nullable(String),
            TraceId Nullable(String),
            IsGuardrail UInt8 DEFAULT 0,
            Status LowCardinality(String),
            Score Nullable(Float64),
            Passed Nullable(UInt8),
            Label Nullable(String),
            Details Nullable(String),
            Error Nullable(String),
            ScheduledAt Nullable(DateTime64(3)),
            StartedAt Nullable(DateTime64(3)),
            CompletedAt Nullable(DateTime64(3)),
            LastProcessedEventId String,
            UpdatedAt DateTime64(3) DEFAULT now64(3),
            CreatedAt DateTime64(3) DEFAULT now64(3)
        )
        ENGINE = ReplacingMergeTree(UpdatedAt)
        PARTITION BY toYearWeek(UpdatedAt)
        ORDER BY (TenantId, EvaluationId)
        """;

    /// <summary>ClickHouse: the latest state of each experiment run.</summary>
    public const string ExperimentRuns = """
        CREATE TABLE IF NOT EXISTS experiment_runs
        (
            Id String,
            TenantId String,
            RunId String,
            ExperimentId String,
            WorkflowVersionId Nullable(String),
            Version String,
            Total UInt32,
            Progress UInt32,
            CompletedCount UInt32,
            FailedCount UInt32,
            TotalCost Nullable(Float64),
            TotalDurationMs Nullable(UInt64),
            AvgScore Nullable(Float64),
            PassRate Nullable(Float64),
            Targets String,
            CreatedAt DateTime64(3) DEFAULT now64(3),
            UpdatedAt DateTime64(3) DEFAULT now64(3),
            StartedAt Nullable(DateTime64(3)),
            FinishedAt Nullable(DateTime64(3)),
            StoppedAt Nullable(DateTime64(3)),
            LastProcessedEventId String,
            TotalScoreSum Float64 DEFAULT 0,
            ScoreCount UInt32 DEFAULT 0,
            PassedCount UInt32 DEFAULT 0,
            PassFailCount UInt32 DEFAULT 0
        )
        ENGINE = ReplacingMergeTree(UpdatedAt)
        PARTITION BY toYearWeek(CreatedAt)
        ORDER BY (TenantId, ExperimentId, RunId)
        """;

    /// <summary>ClickHouse: the latest state of each trace.</summary>
    public const string TraceSummaries = """
        CREATE TABLE IF NOT EXISTS trace_summaries
        (
            Id String,
            TenantId String,
            TraceId String,
            Version LowCardinality(String),
            Attributes Map(String, String),
            OccurredAt DateTime64(3),
            CreatedAt DateTime64(3),
            LastUpdatedAt DateTime64(3),
            ComputedIOSchemaVersion LowCardinality(String),
            ComputedInput Nullable(String),
            ComputedOutput Nullable(String),
            TimeToFirstTokenMs Nullable(UInt32),
            TimeToLastTokenMs Nullable(UInt32),
            TotalDurationMs Int64,
            TokensPerSecond Nullable(UInt32),
            SpanCount UInt32,
            ContainsErrorStatus Bool,
            ContainsOKStatus Bool,
            ErrorMessage Nullable(String),
            Models Array(String),
            TotalCost Nullable(Float64),
            TokensEstimated Bool,
            TotalPromptTokenCount Nullable(UInt32),
            TotalCompletionTokenCount Nullable(UInt32),
            TopicId Nullable(String),
            SubTopicId Nullable(String),
            HasAnnotation Nullable(Bool),
            OutputFromRootSpan Bool DEFAULT 0,
            OutputSpanEndTimeMs Int64 DEFAULT 0
        )
        ENGINE = ReplacingMergeTree(LastUpdatedAt)
        PARTITION BY toYearWeek(CreatedAt)
        ORDER BY (TenantId, TraceId)
        """;

    /// <summary>PostgreSQL: the counters, under both of the names that deployments use.</summary>
    public const string Counters = """
        CREATE TABLE IF NOT EXISTS "TenantDailyBillableEvents" (
            id text PRIMARY KEY,
            "tenantId" text NOT NULL,
            date text NOT NULL,
            count integer NOT NULL DEFAULT 0,
            "lastEventTimestamp" bigint,
            "updatedAt" timestamp NOT NULL DEFAULT now(),
            UNIQUE ("tenantId", date)
        );
        CREATE INDEX IF NOT EXISTS "TenantDailyBillableEvents_tenantId_idx" ON "TenantDailyBillableEvents" ("tenantId");
        CREATE INDEX IF NOT EXISTS "TenantDailyBillableEvents_date_idx" ON "TenantDailyBillableEvents" (date);

        CREATE TABLE IF NOT EXISTS "TenantDailyEventStats" (
            id text PRIMARY KEY,
            "tenantId" text NOT NULL,
            date text NOT NULL,
            "sdkName" text NOT NULL DEFAULT '',
            "sdkVersion" text NOT NULL DEFAULT '',
            "sdkLanguage" text NOT NULL DEFAULT '',
            count integer NOT NULL DEFAULT 0,
            "lastEventTimestamp" bigint,
            "updatedAt" timestamp NOT NULL DEFAULT now(),
            UNIQUE ("tenantId", date, "sdkName", "sdkVersion", "sdkLanguage")
        );
        CREATE INDEX IF NOT EXISTS "TenantDailyEventStats_tenantId_idx" ON "TenantDailyEventStats" ("tenantId");
        CREATE INDEX IF NOT EXISTS "TenantDailyEventStats_date_idx" ON "TenantDailyEventStats" (date);

        CREATE TABLE IF NOT EXISTS "ProjectDailyBillableEvents" (
            id text PRIMARY KEY,
            "projectId" text NOT NULL,
            date text NOT NULL,
            count integer NOT NULL DEFAULT 0,
            "lastEventTimestamp" bigint,
            "updatedAt" timestamp NOT NULL DEFAULT now(),
            UNIQUE ("projectId", date)
        );
        CREATE INDEX IF NOT EXISTS "ProjectDailyBillableEvents_projectId_idx" ON "ProjectDailyBillableEvents" ("projectId");
        CREATE INDEX IF NOT EXISTS "ProjectDailyBillableEvents_date_idx" ON "ProjectDailyBillableEvents" (date);

        CREATE TABLE IF NOT EXISTS "ProjectDailySdkUsage" (
            id text PRIMARY KEY,
            "projectId" text NOT NULL,
            date text NOT NULL,
            "sdkName" text NOT NULL DEFAULT '',
            "sdkVersion" text NOT NULL DEFAULT '',
            "sdkLanguage" text NOT NULL DEFAULT '',
            count integer NOT NULL DEFAULT 0,
            "lastEventTimestamp" bigint,
            "updatedAt" timestamp NOT NULL DEFAULT now(),
            UNIQUE ("projectId", date, "sdkName", "sdkVersion", "sdkLanguage")
        );
        CREATE INDEX IF NOT EXISTS "ProjectDailySdkUsage_projectId_idx" ON "ProjectDailySdkUsage" ("projectId");
        CREATE INDEX IF NOT EXISTS "ProjectDailySdkUsage_date_idx" ON "ProjectDailySdkUsage" (date);
        """;

    /// <summary>The ClickHouse tables, one statement each, for the current database.</summary>
    public static IReadOnlyList<string> ClickHouseTables { get; } = [EventLog, EvaluationStates, ExperimentRuns, TraceSummaries];

    internal static void CreateClickHouseTables(ChdbEngine engine)
    {
        var connection = engine.Open();
        try
        {
            connection.Execute($"CREATE DATABASE IF NOT EXISTS {Database}");
            connection.Execute($"USE {Database}");
            foreach (var table in ClickHouseTables)
                connection.Execute(table);
        }
        finally
        {
            engine.Close(connection);
        }
    }

    internal static async Task CreatePostgresTablesAsync(PostgresEngine engine, CancellationToken cancellationToken)
    {
        await using (var server = await engine.ConnectAsync("postgres", cancellationToken))
        {
            await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", server)
            {
                Parameters = { new NpgsqlParameter { Value = Database } },
            };
            if (await exists.ExecuteScalarAsync(cancellationToken) is null)
            {
                await using var create = new NpgsqlCommand($"CREATE DATABASE {Database}", server);
                await create.ExecuteNonQueryAsync(cancellationToken);
            }
        }

        await using var connection = await engine.ConnectAsync(Database, cancellationToken);
        await using var tables = new NpgsqlCommand(Counters, connection);
        await tables.ExecuteNonQueryAsync(cancellationToken);
    }
}

using System.Globalization;
using System.Text.Json;
using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Golden;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Live;

/// <summary>Loads an experiment run's stored row, folds one event into it, and stores the row.</summary>
internal sealed class LiveExperimentRuns(TestServers servers) : ILiveFold, IDisposable
{
    private readonly ExperimentRunStateProjection _projection = new();
    private readonly ClickHouseDatabase _database = new(Settings(servers));

    public async Task ApplyAsync(EventLogRow liveEvent)
    {
        var run = await LoadAsync(liveEvent.Aggregate) ?? _projection.CreateState(liveEvent.ToReplayEvent());
        var eventType = _projection.Definition.EventTypes.Single(type => type == liveEvent.EventType);
        run = _projection.Apply(run, (liveEvent with { EventType = eventType }).ToReplayEvent());
        var state = new ProjectedState<ExperimentRun>(liveEvent.Aggregate, liveEvent.Aggregate.AggregateId, run);
        var store = new ClickHouseLatestRowStore<ExperimentRun>(_database, ExperimentRunTable.Rows);
        using var buffer = store.CreateBuffer();
        buffer.Add(state, ""u8);
        await store.StoreAsync([buffer], CancellationToken.None);
    }

    public void Dispose() => _database.Dispose();

    private async Task<ExperimentRun?> LoadAsync(AggregateKey aggregate)
    {
        var rows = await servers.QueryAsync(
            "SELECT * FROM experiment_runs FINAL WHERE TenantId = {tenant:String} AND RunId = {run:String}",
            ("tenant", aggregate.TenantId), ("run", aggregate.AggregateId));
        if (rows.Count == 0) return null;
        var row = rows[0];
        return new ExperimentRun
        {
            RunId = row.GetProperty("RunId").GetString()!,
            ExperimentId = row.GetProperty("ExperimentId").GetString()!,
            Targets = row.GetProperty("Targets").GetString()!,
            Total = row.GetProperty("Total").GetDouble(),
            CompletedCount = row.GetProperty("CompletedCount").GetUInt32(),
            FailedCount = row.GetProperty("FailedCount").GetUInt32(),
            TotalCost = Number(row, "TotalCost"),
            TotalDurationMs = Number(row, "TotalDurationMs"),
            StartedAt = row.GetProperty("StartedAt").GetString() is { } started
                ? new DateTimeOffset(DateTime.Parse(started, CultureInfo.InvariantCulture), TimeSpan.Zero).ToUnixTimeMilliseconds()
                : null,
        };

        static double? Number(JsonElement row, string column) =>
            row.GetProperty(column) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;
    }

    private static ClickHouseClientSettings Settings(TestServers servers) =>
        ServerSettings.ClickHouse(new ConnectionUrl(servers.ClickHouseUrl, "test")).Settings;
}

/// <summary>Adds one to the day of a billable event.</summary>
internal sealed class LiveBillableEvents(TestServers servers) : ILiveFold
{
    private readonly TenantDailyBillableEventsProjection _projection = TenantDailyBillableEventsProjection.ForTenants();

    public async Task ApplyAsync(EventLogRow liveEvent)
    {
        var key = _projection.GetKey(liveEvent.ToReplayEvent());
        await using var command = servers.Postgres.CreateCommand("""
            INSERT INTO "TenantDailyBillableEvents" AS stored (id, "tenantId", date, count, "lastEventTimestamp") VALUES ($1, $2, $3, 1, $4)
            ON CONFLICT (id) DO UPDATE
            SET count = stored.count + 1, "lastEventTimestamp" = greatest(stored."lastEventTimestamp", excluded."lastEventTimestamp")
            """);
        command.Parameters.AddWithValue(key);
        command.Parameters.AddWithValue(liveEvent.Aggregate.TenantId);
        command.Parameters.AddWithValue(key[(liveEvent.Aggregate.TenantId.Length + 1)..]);
        command.Parameters.AddWithValue(liveEvent.Timestamp);
        try
        {
            await command.ExecuteNonQueryAsync();
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            // Another one made the row at the same moment, and it collided on the index that ON CONFLICT does not watch.
            await command.ExecuteNonQueryAsync();
        }
    }
}

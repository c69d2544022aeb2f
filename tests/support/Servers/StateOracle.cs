using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ProjectionReplay.Golden;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Servers;

/// <summary>
/// What a tenant's stored states must be when nothing is at work any more: the fold, in memory, of every event that
/// the event log holds, each event id once.
/// </summary>
internal sealed class StateOracle(TestServers servers, IFoldProjection projection, string tenantId)
{
    private string Name => projection.Definition.Name;

    /// <summary>Compares every stored row with the fold: every column but those that the server fills.</summary>
    /// <param name="because">What was done before, for the message.</param>
    public async Task AssertStoredAsync(string because = "after the run")
    {
        var events = await ReadEventsAsync();
        var (expected, stored) = projection switch
        {
            EvaluationStateProjection evaluations => (
                Rows(EvaluationStateTable.Rows, await evaluations.FoldAsync(events)),
                await ReadRowsAsync(EvaluationStateTable.Rows, "EvaluationId")),
            ExperimentRunStateProjection runs => (
                Rows(ExperimentRunTable.Rows, await runs.FoldAsync(events)),
                await ReadRowsAsync(ExperimentRunTable.Rows, "RunId")),
            TenantDailyBillableEventsProjection billable => (
                Counters(billable.Counters, await billable.FoldAsync(events)), await ReadCountersAsync(billable.Counters)),
            TenantDailyEventStatsProjection stats => (
                Counters(stats.Counters, await stats.FoldAsync(events)), await ReadCountersAsync(stats.Counters)),
            _ => throw new NotSupportedException($"The oracle does not know how '{Name}' is stored."),
        };
        var differences = Differences(expected, stored).ToList();
        var table = projection.Definition.Table;
        Assert.True(differences.Count == 0, string.Create(CultureInfo.InvariantCulture, $"""
            {because}: {table} of tenant '{tenantId}' differs from the fold of its {events.Count} events in {differences.Count} places:
            {string.Join('\n', differences.Take(10))}
            """));
    }

    /// <summary>Checks that no marker, no completed aggregate and no lock of the tenant is left in Redis.</summary>
    /// <param name="because">What was done before, for the message.</param>
    public async Task AssertNothingLeftAsync(string because = "after the run")
    {
        var tenant = new TestTenant(servers, tenantId);
        var markers = await tenant.MarkersAsync(Name);
        Assert.True(markers.Count == 0, $"{because}: {markers.Count} markers of {Name} are left: {string.Join(", ", markers.Take(10))}.");
        var completed = await tenant.CompletedAsync(Name);
        Assert.True(
            completed.Count == 0,
            $"{because}: {completed.Count} completed aggregates of {Name} are left: {string.Join(", ", completed.Take(10))}.");
        var holder = await servers.Redis.StringGetAsync($"projection-replay:lock:{Name}:{tenantId}");
        Assert.True(holder.IsNull, $"{because}: the lock of {Name} is left: {holder}.");
    }

    private async Task<IReadOnlyList<EventLogRow>> ReadEventsAsync()
    {
        var eventTypes = string.Join(", ", projection.Definition.EventTypes.Select(type => $"'{type}'"));
        var rows = await servers.QueryAsync(
            """
            SELECT TenantId, AggregateType, AggregateId, EventId, EventType, EventTimestamp, EventOccurredAt, EventPayload
            FROM event_log
            WHERE TenantId = {tenant:String} AND has({eventTypes:Array(String)}, EventType)
            """,
            ("tenant", TestTenant.Escape(tenantId)),
            ("eventTypes", $"[{eventTypes}]"));
        return [.. rows.Select(EventLogRow.Parse)];
    }

    private static Dictionary<string, JsonObject> Rows<TState>(LatestRowTable<TState> table, IReadOnlyList<ProjectedState<TState>> states)
        where TState : class => states.ToDictionary(state => state.Key, table.Store);

    /// <summary>The latest row of each aggregate. Two of them under one id, for want of a stable sorting key, fail the test.</summary>
    private async Task<Dictionary<string, JsonObject>> ReadRowsAsync<TState>(LatestRowTable<TState> table, string idColumn)
        where TState : class
    {
        var columns = string.Join(", ", table.Columns.Select(column => column.Name));
        var rows = await servers.QueryAsync(
            $"SELECT {columns} FROM {table.Name} FINAL WHERE TenantId = {{tenant:String}}", ("tenant", TestTenant.Escape(tenantId)));
        var stored = new Dictionary<string, JsonObject>();
        foreach (var row in rows)
        {
            var id = row.GetProperty(idColumn).GetString()!;
            Assert.True(stored.TryAdd(id, JsonObject.Create(row)!), $"{table.Name} has several rows of '{id}'.");
        }

        return stored;
    }

    private static Dictionary<string, JsonObject> Counters<TState>(CounterTable<TState> table, IReadOnlyList<ProjectedState<TState>> states)
        where TState : class => states.GroupBy(state => state.Key).ToDictionary(counter => counter.Key, counter =>
        {
            var row = new JsonObject
            {
                ["count"] = counter.Sum(state => table.Count(state.State)),
                ["lastEventTimestamp"] = counter.Max(state => table.LastEventTimestamp(state.State)),
            };
            foreach (var column in table.KeyColumns) row.Add(column.Name, column.Value(counter.First().State));
            return row;
        });

    private async Task<Dictionary<string, JsonObject>> ReadCountersAsync<TState>(CounterTable<TState> table)
        where TState : class
    {
        // The tenant is the first of the key's columns.
        var columns = string.Join(", ", table.KeyColumns.Select(column => Sql.Quote(column.Name)));
        var tenant = Sql.Quote(table.KeyColumns[0].Name);
        await using var command = servers.Postgres.CreateCommand(
            $"""SELECT id, {columns}, count, "lastEventTimestamp" FROM {Sql.Quote(table.Name)} WHERE {tenant} = $1""");
        command.Parameters.Add(Sql.Text(tenantId));
        var stored = new Dictionary<string, JsonObject>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            var row = new JsonObject();
            for (var i = 1; i < reader.FieldCount; i++)
            {
                row.Add(reader.GetName(i), reader.GetValue(i) switch
                {
                    string text => JsonValue.Create(text),
                    DBNull => null,
                    var number => JsonValue.Create(Convert.ToInt64(number, CultureInfo.InvariantCulture)),
                });
            }

            stored.Add(reader.GetString(0), row);
        }

        return stored;
    }

    private static IEnumerable<string> Differences(Dictionary<string, JsonObject> expected, Dictionary<string, JsonObject> stored)
    {
        foreach (var (key, row) in expected)
        {
            if (!stored.TryGetValue(key, out var actual))
            {
                yield return $"'{key}' is missing; it should be {row.ToJsonString()}.";
                continue;
            }

            foreach (var (field, value) in row)
            {
                if (!IsSame(value, actual[field])) yield return $"'{key}': {field} should be {Show(value)} but is {Show(actual[field])}.";
            }
        }

        foreach (var key in stored.Keys.Except(expected.Keys)) yield return $"'{key}' should not be there.";
    }

    /// <summary>Numbers are compared by value, whatever type they were read as.</summary>
    private static bool IsSame(JsonNode? left, JsonNode? right) =>
        left?.GetValueKind() == JsonValueKind.Number && right?.GetValueKind() == JsonValueKind.Number
            ? Number(left).Equals(Number(right))
            : JsonNode.DeepEquals(left, right);

    private static double Number(JsonNode node) => JsonElement.Parse(node.ToJsonString()).GetDouble();

    private static string Show(JsonNode? node) => node?.ToJsonString() ?? "null";
}

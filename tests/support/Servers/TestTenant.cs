using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ProjectionReplay.Servers;

/// <summary>A tenant of one test's own, with events that the test appends and what the servers hold of it.</summary>
internal sealed class TestTenant(TestServers servers, string? id = null)
{
    /// <summary>2026-01-10 UTC: when events happen unless a test says otherwise.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 10, 0, 0, 0, TimeSpan.Zero);

    private readonly StringBuilder _rows = new();
    private int _sequence;

    public string Id { get; } = id ?? $"project_{Guid.NewGuid():N}";

    /// <summary>Adds scheduled, started and completed events of an evaluation, a second apart.</summary>
    public TestTenant AddEvaluation(string evaluationId, DateTimeOffset? at = null, double score = 0.5)
    {
        var first = at ?? Start;
        var described = new JsonObject
        {
            ["evaluationId"] = evaluationId,
            ["evaluatorId"] = "evaluator_1",
            ["evaluatorType"] = "custom/test",
        };
        Add("evaluation", evaluationId, "lw.evaluation.scheduled", first, described);
        Add("evaluation", evaluationId, "lw.evaluation.started", first.AddSeconds(1), described);
        Add("evaluation", evaluationId, "lw.evaluation.completed", first.AddSeconds(2),
            new JsonObject { ["evaluationId"] = evaluationId, ["status"] = "processed", ["score"] = score });
        return this;
    }

    /// <summary>Adds evaluations e0000, e0001 and so on.</summary>
    public TestTenant AddEvaluations(int count, DateTimeOffset? at = null)
    {
        for (var i = 0; i < count; i++) AddEvaluation(EvaluationId(i), at);
        return this;
    }

    public static string EvaluationId(int number) => number.ToString("'e'0000", CultureInfo.InvariantCulture);

    public string AggregateKey(string evaluationId) => $"{Id}:evaluation:{evaluationId}";

    /// <summary>Adds one event. Returns its id.</summary>
    public string Add(
        string aggregateType, string aggregateId, string eventType, DateTimeOffset at, JsonNode? payload, string? eventId = null) =>
        AddRaw(aggregateType, aggregateId, eventType, at, payload?.ToJsonString() ?? "", eventId);

    /// <summary>Adds one event whose payload is any text.</summary>
    public string AddRaw(
        string aggregateType, string aggregateId, string eventType, DateTimeOffset at, string payload, string? eventId = null)
    {
        var timestamp = at.ToUnixTimeMilliseconds();
        eventId ??= string.Create(
            CultureInfo.InvariantCulture, $"{timestamp:D13}:{Id}:{aggregateId}:{aggregateType}:{Interlocked.Increment(ref _sequence):D27}");
        _rows.Append(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["TenantId"] = Id,
            ["IdempotencyKey"] = eventId,
            ["AggregateType"] = aggregateType,
            ["AggregateId"] = aggregateId,
            ["EventId"] = eventId,
            ["EventType"] = eventType,
            ["EventVersion"] = "2025-01-14",
            ["EventTimestamp"] = timestamp,
            ["EventPayload"] = payload,
        })).Append('\n');
        return eventId;
    }

    /// <summary>Puts the events added so far into the event log, or another table that is one.</summary>
    public async Task<TestTenant> AppendAsync(string table = "event_log")
    {
        if (_rows.Length > 0) await servers.InsertAsync(table, _rows.ToString());
        _rows.Clear();
        return this;
    }

    /// <summary>Makes tenants with so many evaluations each, and puts the events of all into the event log at once.</summary>
    public static async Task<IReadOnlyList<TestTenant>> AppendAsync(TestServers servers, int tenants, int evaluations)
    {
        var made = Enumerable.Range(0, tenants).Select(_ => new TestTenant(servers).AddEvaluations(evaluations)).ToList();
        await servers.InsertAsync("event_log", string.Concat(made.Select(tenant => tenant._rows)));
        foreach (var tenant in made) tenant._rows.Clear();
        return made;
    }

    /// <summary>Puts one row, as JSON, into the event log at once.</summary>
    public Task AppendRowAsync(string row) => servers.InsertAsync("event_log", row);

    /// <summary>The stored evaluations, the latest row of each, by id.</summary>
    public async Task<IReadOnlyDictionary<string, JsonElement>> EvaluationsAsync() =>
        (await servers.QueryAsync("SELECT * FROM evaluation_states FINAL WHERE TenantId = {tenant:String}", ("tenant", Escape(Id))))
            .ToDictionary(row => row.GetProperty("EvaluationId").GetString()!);

    /// <summary>How many rows were ever stored for each evaluation.</summary>
    public async Task<IReadOnlyDictionary<string, int>> EvaluationRowCountsAsync() =>
        (await servers.QueryAsync(
            "SELECT EvaluationId, count() AS rows FROM evaluation_states WHERE TenantId = {tenant:String} GROUP BY EvaluationId",
            ("tenant", Escape(Id))))
            .ToDictionary(row => row.GetProperty("EvaluationId").GetString()!, row => row.GetProperty("rows").GetInt32());

    /// <summary>The tenant's billable events by date.</summary>
    public async Task<IReadOnlyDictionary<string, int>> BillableEventsAsync()
    {
        await using var command = servers.Postgres.CreateCommand(
            """SELECT date, count FROM "TenantDailyBillableEvents" WHERE "tenantId" = $1""");
        command.Parameters.AddWithValue(Id);
        var counts = new Dictionary<string, int>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) counts.Add(reader.GetString(0), reader.GetInt32(1));
        return counts;
    }

    /// <summary>The tenant's markers for a projection.</summary>
    public async Task<IReadOnlyDictionary<string, string>> MarkersAsync(string projection) =>
        (await servers.Redis.HashGetAllAsync($"projection-replay:cutoff:{projection}"))
            .Where(field => field.Name.ToString().StartsWith(Id + ":", StringComparison.Ordinal))
            .ToDictionary(field => field.Name.ToString(), field => field.Value.ToString());

    /// <summary>The tenant's completed aggregates for a projection, sorted.</summary>
    public async Task<IReadOnlyList<string>> CompletedAsync(string projection) =>
        [.. (await servers.Redis.SetMembersAsync($"projection-replay:completed:{projection}"))
            .Select(member => member.ToString())
            .Where(member => member.StartsWith(Id + ":", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    /// <summary>A value as ClickHouse's HTTP interface expects a parameter.</summary>
    public static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\t", "\\t", StringComparison.Ordinal);
}

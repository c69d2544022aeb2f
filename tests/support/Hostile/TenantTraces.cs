using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;
using StackExchange.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>All that the servers hold of one tenant, as text: two of them are equal when not a byte has changed.</summary>
internal static class TenantTraces
{
    /// <summary>Reads it.</summary>
    /// <param name="servers">The servers.</param>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="keys">The key strings of its aggregates, which markers and completed sets go by.</param>
    public static async Task<string> ReadAsync(TestServers servers, string tenantId, IEnumerable<string> keys)
    {
        var traces = new List<string>
        {
            "event_log " + await ChecksumAsync(servers, "event_log", tenantId),
            "evaluation_states " + await ChecksumAsync(servers, "evaluation_states", tenantId),
        };
        await EnsureLedgerAsync(servers);
        await using (var command = servers.Postgres.CreateCommand(
            """
            SELECT row_to_json(counter)::text FROM "TenantDailyBillableEvents" AS counter WHERE "tenantId" = $1
            UNION ALL
            SELECT row_to_json(ledger)::text FROM projection_replay_ledger AS ledger
            WHERE EXISTS (
                SELECT FROM jsonb_object_keys(contribution) AS key
                WHERE key LIKE replace(replace(replace($1, '\', '\\'), '%', '\%'), '_', '\_') || ':____-__-__')
            ORDER BY 1
            """))
        {
            command.Parameters.AddWithValue(tenantId);
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync()) traces.Add(reader.GetString(0));
        }

        foreach (var projection in (string[])["evaluationState", "tenantDailyBillableEvents"])
        {
            foreach (var key in keys)
            {
                var marker = await servers.Redis.HashGetAsync($"projection-replay:cutoff:{projection}", key);
                var isCompleted = await servers.Redis.SetContainsAsync($"projection-replay:completed:{projection}", key);
                traces.Add($"{projection} {key} marker '{marker}' completed {isCompleted}");
            }

            traces.Add($"{projection} lock '{await servers.Redis.StringGetAsync($"projection-replay:lock:{projection}:{tenantId}")}'");
        }

        return string.Join('\n', traces);
    }

    /// <summary>Leaves behind what a killed run would: a marker and a completed aggregate for each projection.</summary>
    public static async Task LeaveBehindAsync(TestServers servers, string marked, string completed)
    {
        foreach (var projection in (string[])["evaluationState", "tenantDailyBillableEvents"])
        {
            await servers.Redis.HashSetAsync($"projection-replay:cutoff:{projection}", marked, "pending");
            await servers.Redis.SetAddAsync($"projection-replay:completed:{projection}", completed);
        }
    }

    /// <summary>Takes such remains away again.</summary>
    public static async Task TakeAwayAsync(TestServers servers, params string[] keys)
    {
        foreach (var projection in (string[])["evaluationState", "tenantDailyBillableEvents"])
        {
            await servers.Redis.HashDeleteAsync($"projection-replay:cutoff:{projection}", [.. keys.Select(key => (RedisValue)key)]);
            await servers.Redis.SetRemoveAsync($"projection-replay:completed:{projection}", [.. keys.Select(key => (RedisValue)key)]);
        }
    }

    /// <summary>Has the ledger created, as the first replay of a counter does: which test comes first is not known.</summary>
    private static async Task EnsureLedgerAsync(TestServers servers)
    {
        await using var command = servers.Postgres.CreateCommand("SELECT to_regclass('projection_replay_ledger') IS NOT NULL");
        if (await command.ExecuteScalarAsync() is true) return;
        var tenant = await new TestTenant(servers).AddEvaluation("first").AppendAsync();
        (await ReplayOutcome.RunAsync(servers, TenantDailyBillableEventsProjection.ForTenants(), tenant)).ShouldSucceed();
    }

    private static async Task<string> ChecksumAsync(TestServers servers, string table, string tenantId)
    {
        var row = Assert.Single(await servers.QueryAsync(
            $"SELECT count() AS rows, hex(groupBitXor(sipHash64(*))) AS checksum FROM {table} WHERE TenantId = {{tenant:String}}",
            ("tenant", TestTenant.Escape(tenantId))));
        return row.ToString();
    }
}

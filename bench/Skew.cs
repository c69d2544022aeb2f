using System.Globalization;
using ProjectionReplay.Sandbox;

namespace ProjectionReplay.Bench;

/// <summary>Logs of an awkward shape, beside an even one of as many rows.</summary>
internal static class Skew
{
    /// <param name="rounds">Replays of each log; the medians are printed.</param>
    /// <param name="percent">The size of the logs: 100 is a few million rows each.</param>
    public static async Task RunAsync(int rounds, int percent)
    {
        Console.WriteLine($"evaluationState, {rounds} rounds, {Environment.ProcessorCount} cores");
        Console.WriteLine("| shape | events replayed | raw, s | replay, s | peak memory, MB |");
        Console.WriteLine("|---|---:|---:|---:|---:|");
        foreach (var shape in Shapes(percent))
        {
            await using var sandbox = await SandboxProcess.StartAsync();
            foreach (var insert in shape.Inserts) await InsertAsync(sandbox, insert);
            var options = new MeasureOptions(rounds) { Tenants = shape.Tenants };
            var measured = await ChildProcess.MeasureAsync(sandbox, "evaluationState", options);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {shape.Name} | {measured.Events:N0} | {Measurement.Median(measured.Raw):0.00} "
                    + $"| {Measurement.Median(measured.Replay):0.00} | {measured.PeakMegabytes:N0} |"));
        }
    }

    private static Shape[] Shapes(int percent)
    {
        const string ThreeEach = "concat('e', toString(intDiv(number, 3)))";
        var (huge, small, tenants) = (20_000 * percent, 1_000 * percent, 10 * percent);
        return
        [
            new(
                Text($"{huge + (3 * small):N0} events, three to an aggregate"),
                1,
                [Evaluations(ChildProcess.Tenant, ThreeEach, huge + (3 * small))]),
            new(
                Text($"one aggregate of {huge:N0} events beside {small:N0} of three"),
                1,
                [Evaluations(ChildProcess.Tenant, "'e50000x'", huge), Evaluations(ChildProcess.Tenant, ThreeEach, 3 * small)]),
            new(
                Text($"{tenants:N0} tenants with ten aggregates of three"),
                tenants,
                [Rows("concat('tenant', toString(intDiv(number, 30)))", ThreeEach, "'lw.evaluation.completed'", 30 * tenants)]),
            new(
                Text($"300 event types, one of them wanted, {30 * small:N0} rows"),
                1,
                [
                    Rows(
                        $"'{ChildProcess.Tenant}'",
                        "concat('e', toString(intDiv(number, 300)))",
                        "if(number % 300 = 7, 'lw.evaluation.completed', concat('lw.other.', toString(number % 300)))",
                        30 * small),
                ]),
        ];

        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }

    private static string Evaluations(string tenant, string aggregateId, long events) =>
        Rows($"'{tenant}'", aggregateId, "'lw.evaluation.completed'", events);

    private static string Rows(string tenant, string aggregateId, string eventType, long events) =>
        string.Create(CultureInfo.InvariantCulture, $$"""
            INSERT INTO event_log (
                TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventTimestamp, EventOccurredAt,
                EventVersion, EventPayload)
            SELECT
                {{tenant}} AS tenant,
                toString(number),
                'evaluation',
                {{aggregateId}} AS id,
                concat(toString(1767225600000 + number), ':', tenant, ':', id, ':evaluation:', leftPad(toString(number), 27, '0')),
                {{eventType}},
                1767225600000 + number,
                1767225600000 + number,
                '2025-01-14',
                concat('{"evaluationId":"', id, '","status":"processed","score":0.5,"passed":true,"details":"', repeat('why ', 40), '"}')
            FROM numbers({{events}})
            """);

    private static async Task InsertAsync(SandboxProcess sandbox, string sql)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(10) };
        using var content = new StringContent(sql);
        var url = new Uri(sandbox.ClickHouseUrl!);
        var address = new Uri($"http://{url.Host}:{url.Port}/?database={url.AbsolutePath.Trim('/')}");
        using var response = await client.PostAsync(address, content);
        if (!response.IsSuccessStatusCode) throw new InvalidOperationException(await response.Content.ReadAsStringAsync());
    }

    private sealed record Shape(string Name, int Tenants, IReadOnlyList<string> Inserts);
}

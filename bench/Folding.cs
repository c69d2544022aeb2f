using System.Globalization;
using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Bench;

/// <summary>Folds spans whose payloads are in memory, on one thread: the cost of the projection itself.</summary>
internal static class Folding
{
    /// <summary>The spans of one trace, the last of which is its root: children are sent before their parents.</summary>
    private const int SpansPerTrace = 8;

    public static void Run(string projectionName, int spans, int rounds)
    {
        var projection = ProjectionCatalog.BuiltIn.Get(projectionName).Projection;
        var spanType = projection.Definition.EventTypes.FirstOrDefault(type => type == "lw.obs.trace.span_received")
            ?? throw new ArgumentException($"{projectionName} folds no spans.", nameof(projectionName));
        var payloads = SampleSpans.Make(spans, SpansPerTrace);
        var all = Measure(projection, spanType, payloads, rounds);
        var (size, kinds) = (payloads.Average(payload => payload.Length), SampleSpans.Styles.Count);
        var rates = string.Join(" ", all.Rates.Select(rate => rate.ToString("N0", CultureInfo.InvariantCulture)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {projectionName}, {spans:N0} spans of {size:N0} bytes in {kinds} styles, {SpansPerTrace} to a trace, {rounds} rounds, one thread
            fold    {all.Rate,12:N0} spans per second of processor time   ({rates})
            memory  {all.Allocated,12:N0} bytes allocated per span
            """));
        foreach (var (style, number) in SampleSpans.Styles.Select((style, number) => (style, number)))
        {
            var ofStyle = payloads.Chunk(SpansPerTrace)
                .Where((_, trace) => trace % SampleSpans.Styles.Count == number)
                .SelectMany(trace => trace)
                .ToList();
            var measured = Measure(projection, spanType, ofStyle, rounds);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {style,-14}{measured.Rate,8:N0} spans/s, {ofStyle.Average(payload => payload.Length):N0} bytes each, "
                    + $"{measured.Allocated:N0} bytes allocated"));
        }
    }

    /// <summary>Medians over some rounds. Other processes take wall time, so that processor time is what counts.</summary>
    private static (double Rate, double Allocated, IReadOnlyList<double> Rates) Measure(
        IFoldProjection projection, string spanType, IReadOnlyList<byte[]> payloads, int rounds)
    {
        // Once to compile, twice to optimise, then in earnest.
        var (rates, allocated) = (new List<double>(), new List<double>());
        for (var round = -3; round < rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var started = Environment.CpuUsage.TotalTime;
            Fold(projection, spanType, payloads);
            var seconds = (Environment.CpuUsage.TotalTime - started).TotalSeconds;
            if (round < 0) continue;
            rates.Add(payloads.Count / seconds);
            allocated.Add((double)(GC.GetAllocatedBytesForCurrentThread() - before) / payloads.Count);
        }

        return (Median(rates), Median(allocated), rates);
    }

    private static void Fold(IFoldProjection projection, string spanType, IReadOnlyList<byte[]> payloads)
    {
        // Never connected: nothing is stored.
        using var clickHouse = new ClickHouseDatabase(new ClickHouseClientSettings());
        using var postgres = NpgsqlDataSource.Create("Host=nowhere");
        var run = projection.Accept(new RunOpener(new StoreConnections(() => clickHouse, () => postgres)));
        using var fold = run.StartFold();
        var eventId = "0"u8.ToArray();
        for (var i = 0; i < payloads.Count; i++)
        {
            fold.Apply(new ReplayEvent
            {
                Aggregate = new AggregateKey("project_bench", "trace", TraceIds[i / SpansPerTrace % TraceIds.Length]),
                EventIdUtf8 = eventId,
                EventType = spanType,
                Timestamp = SampleSpans.Start + i,
                OccurredAt = SampleSpans.Start + i,
                Payload = payloads[i],
            });
            if (i % SpansPerTrace == SpansPerTrace - 1) fold.EndAggregate(eventId);
        }
    }

    private static readonly string[] TraceIds = [.. Enumerable.Range(0, 100_000).Select(SampleSpans.TraceId)];

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}

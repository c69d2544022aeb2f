using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>
/// Fills event_log through ClickHouse's HTTP interface with events like those of a live system,
/// the same ones each time for the same options.
/// </summary>
public sealed class EventSeeder : IDisposable
{
    // Batches follow the time, so each touches a week or two of partitions, far from the limit of 100.
    private const int BatchBytes = 24 * 1024 * 1024;

    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromMinutes(10) };
    private readonly string _database;

    /// <summary>Prepares for the server at <paramref name="clickHouseUrl"/>: <c>http://user:password@host:port/database</c>.</summary>
    public EventSeeder(string clickHouseUrl)
    {
        var url = new Uri(clickHouseUrl);
        _database = url.AbsolutePath.Trim('/') is { Length: > 0 } database ? Uri.UnescapeDataString(database) : SandboxSchema.Database;
        _client.BaseAddress = new Uri(url.GetLeftPart(UriPartial.Scheme) + url.Authority);
        if (url.UserInfo.Length > 0)
        {
            var credentials = Uri.UnescapeDataString(url.UserInfo);
            _client.DefaultRequestHeaders.Authorization =
                new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        }
    }

    /// <summary>Inserts the events and tells how many there were.</summary>
    /// <exception cref="HttpRequestException">The server refused; the message holds its answer.</exception>
    public async Task<SeedResult> SeedAsync(SeedOptions options, CancellationToken cancellationToken = default)
    {
        using var filling = new EventRows(options.DuplicateEvery);
        using var sending = new EventRows(options.DuplicateEvery);
        var (rows, other) = (filling, sending);
        var source = new SeedSource(options);
        var sent = Task.CompletedTask;
        do
        {
            source.Fill(rows, BatchBytes);
            await sent;
            other.Clear();

            // The next batch is made while this one is on its way.
            sent = InsertAsync(rows.Bytes, cancellationToken);
            (rows, other) = (other, rows);
        }
        while (!source.IsDone);
        await sent;
        return new SeedResult(filling.Events + sending.Events, source.Aggregates, filling.Duplicates + sending.Duplicates);
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    private async Task InsertAsync(ReadOnlyMemory<byte> rows, CancellationToken cancellationToken)
    {
        var query = $"INSERT INTO event_log ({EventRows.Columns}) FORMAT RowBinary";
        using var content = new ReadOnlyMemoryContent(rows);
        using var response = await _client.PostAsync(
            new Uri($"/?database={Uri.EscapeDataString(_database)}&query={Uri.EscapeDataString(query)}", UriKind.Relative),
            content,
            cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            var answer = await response.Content.ReadAsStringAsync(cancellationToken);
            throw new HttpRequestException(
                string.Create(CultureInfo.InvariantCulture, $"ClickHouse answered {(int)response.StatusCode}: {answer}"));
        }
    }
}

/// <summary>Makes one aggregate after the other, in the order of time.</summary>
internal sealed class SeedSource(SeedOptions options)
{
    private readonly SeedRandom _random = new(options.Seed);
    private long _events;

    public long Aggregates { get; private set; }

    public bool IsDone => _events >= options.Events;

    /// <summary>Adds aggregates until the rows take so many bytes or all events are made.</summary>
    public void Fill(EventRows rows, int bytes)
    {
        var before = rows.Events;
        var made = _events;
        while (!IsDone && rows.Bytes.Length < bytes)
        {
            WriteAggregate(rows);
            Aggregates++;
            _events = made + (rows.Events - before);
        }
    }

    private void WriteAggregate(EventRows rows)
    {
        const long Hour = 3_600_000;
        var span = options.Days * 24 * Hour;
        var time = options.Start.ToUnixTimeMilliseconds() + (long)(span * ((double)_events / options.Events)) + _random.Below((int)Hour);
        var tenant = options.Tenants[_random.Below(options.Tenants.Count)];
        var kind = options.Mix == SeedMix.Evaluations ? 0 : _random.Below(20);
        if (kind < 7)
            EvaluationEvents.Write(rows, _random, tenant, time);
        else if (kind < 8)
            ExperimentRunEvents.Write(rows, _random, tenant, time);
        else
            TraceEvents.Write(rows, _random, tenant, time);
    }
}

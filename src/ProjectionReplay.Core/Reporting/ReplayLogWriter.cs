using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using ProjectionReplay.Events;

namespace ProjectionReplay.Reporting;

/// <summary>
/// Writes a run's log as JSON Lines, each line on disk before the call returns, so that <c>tail -f</c> follows the run
/// and a crash loses nothing. The fields of each step are a wire contract. Not thread-safe.
/// </summary>
internal sealed class ReplayLogWriter : IAsyncDisposable
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _line = new(1024);

    private ReplayLogWriter(FileStream file) => _file = file;

    /// <summary>The log's full path.</summary>
    public string Path => _file.Name;

    /// <summary>
    /// Creates <c>projection-replay-{projection}-{yyyyMMdd-HHmmss}.jsonl</c>, with the shard behind the projection, as
    /// <c>3of8</c>, when there is one, and a number at the end when the name is taken.
    /// </summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static ReplayLogWriter Create(string directory, string projection, DateTimeOffset now, ReplayShard? shard = null)
    {
        var invalid = System.IO.Path.GetInvalidFileNameChars();
        var name = string.Concat(projection.Select(character => invalid.Contains(character) ? '_' : character));
        var part = shard is null ? "" : string.Create(CultureInfo.InvariantCulture, $"-{shard.Index}of{shard.Count}");
        var stem = string.Create(CultureInfo.InvariantCulture, $"projection-replay-{name}{part}-{now.UtcDateTime:yyyyMMdd-HHmmss}");
        for (var number = 1; ; number++)
        {
            var suffix = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}");
            var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(directory, stem + suffix + ".jsonl"));
            try
            {
                return new ReplayLogWriter(new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
            }
            catch (IOException) when (File.Exists(path) && number < 1000)
            {
                // Another run began in this very second.
            }
        }
    }

    /// <summary>Writes one line.</summary>
    public async Task WriteAsync(ReplayLogEntry entry)
    {
        _line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(_line, Compact)) WriteEntry(json, entry);
        _line.Write("\n"u8);
        await _file.WriteAsync(_line.WrittenMemory).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private static void WriteEntry(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteStartObject();
        json.WriteString("ts", Iso(entry.Timestamp));
        json.WriteString("step", entry.Step);
        if (entry.Step == "start") WriteStart(json, entry);
        else if (entry.Step == "discover") WriteDiscover(json, entry);
        else if (entry.Step == "error") WriteError(json, entry);
        else if (entry.Step == "complete") WriteComplete(json, entry);
        else WriteBatch(json, entry);
        json.WriteEndObject();
    }

    private static void WriteStart(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteString("projection", entry.Projection);
        if (entry.Arguments is not { } arguments) return;
        json.WriteString("since", Iso(arguments.Since));
        json.WriteStartObject("args");
        json.WriteNumber("batchSize", arguments.BatchSize);
        if (arguments.AggregateBatchSize is { } aggregateBatchSize) json.WriteNumber("aggregateBatchSize", aggregateBatchSize);
        else json.WriteNull("aggregateBatchSize");
        json.WriteNumber("concurrency", arguments.Concurrency);
        json.WriteBoolean("dryRun", arguments.DryRun);
        json.WriteEndObject();
    }

    private static void WriteDiscover(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteNumber("aggregateCount", entry.Count ?? 0);
        json.WriteNumber("tenantCount", 1);
    }

    private static void WriteBatch(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteString("tenant", entry.TenantId);
        json.WriteNumber("count", entry.Count ?? 0);
        if (entry.WithEvents is { } withEvents) json.WriteNumber("withEvents", withEvents);
        if (entry.EventsProcessed is { } events) json.WriteNumber("eventsProcessed", events);
        if (entry.DurationMs is { } duration) json.WriteNumber("durationMs", duration);
    }

    private static void WriteError(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteString("tenant", entry.TenantId);
        if (entry.Batch is { } batch) json.WriteString("aggregate", string.Create(CultureInfo.InvariantCulture, $"batch {batch}"));
        json.WriteString("error", entry.Message);
    }

    private static void WriteComplete(Utf8JsonWriter json, ReplayLogEntry entry)
    {
        json.WriteNumber("aggregatesReplayed", entry.AggregatesReplayed ?? 0);
        json.WriteNumber("totalEvents", entry.TotalEvents ?? 0);
        json.WriteNumber("durationSec", entry.DurationSec ?? 0);
        json.WriteNumber("planned", entry.Planned ?? 0);
        json.WriteNumber("setAside", entry.SetAside ?? 0);
        json.WriteNumber("born", entry.Born ?? 0);
        json.WriteNumber("gone", entry.Gone ?? 0);
    }

    private static string Iso(DateTime utc) => utc.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

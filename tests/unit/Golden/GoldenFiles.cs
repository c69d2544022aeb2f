using System.Text.Json;

namespace ProjectionReplay.Golden;

/// <summary>The golden vectors, which stand beside the test assembly.</summary>
internal static class GoldenFiles
{
    /// <summary>An event_log: every event, in no particular order.</summary>
    public static IReadOnlyList<EventLogRow> Events(string file = "events.jsonl") => [.. Lines(file).Select(EventLogRow.Parse)];

    /// <summary>The final states by aggregate id or projection key.</summary>
    public static IReadOnlyDictionary<string, JsonElement> States(string projection) =>
        JsonElement.Parse(File.ReadAllBytes(PathOf(projection + ".json")))
            .EnumerateObject().ToDictionary(state => state.Name, state => state.Value);

    /// <summary>The rows that are stored for events.storable.jsonl.</summary>
    public static IReadOnlyList<JsonElement> Rows(string table) => [.. Lines($"tables/{table}.jsonl")];

    private static IEnumerable<JsonElement> Lines(string file) => File.ReadLines(PathOf(file)).Select(line => JsonElement.Parse(line));

    /// <summary>Where a golden file stands.</summary>
    public static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "golden", file);
}

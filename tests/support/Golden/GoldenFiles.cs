using System.Text.Json;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Projections.TraceSummary.Prices;

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

    /// <summary>
    /// The prices that the golden costs were computed with: those of the models that occur, and the whole table where
    /// it is at hand.
    /// </summary>
    public static IReadOnlyDictionary<string, ModelPrices> PriceTables()
    {
        var tables = new Dictionary<string, ModelPrices>
        {
            ["the models that occur"] = ModelPriceFile.Read(PathOf("occurring-model-prices.json"), "the tests"),
        };
        var shared = Path.Combine(RepositoryLayout.Root, "..", "shared", "golden", "model-prices.json");
        if (File.Exists(shared))
        {
            var prices = JsonElement.Parse(File.ReadAllBytes(shared)).EnumerateArray().Select(ReadPrice);
            tables["the whole table"] = new ModelPrices(prices);
        }

        return tables;
    }

    private static KeyValuePair<string, ModelPrice> ReadPrice(JsonElement entry) => new(
        entry.GetProperty("model").GetString()!,
        new ModelPrice(entry.GetProperty("inputCostPerToken").GetDouble(), entry.GetProperty("outputCostPerToken").GetDouble()));

    private static IEnumerable<JsonElement> Lines(string file) => File.ReadLines(PathOf(file)).Select(line => JsonElement.Parse(line));

    /// <summary>Where a golden file stands.</summary>
    public static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "golden", file);
}

using System.Text.Json;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Projections.TraceSummary.Prices;

/// <summary>
/// Reads the prices of models from a file:
/// <c>{"models": {"vendor/name": {"pricing": {"inputCostPerToken": 0.0000025, "outputCostPerToken": 0.00001}}}}</c>,
/// in USD. Whatever else stands there is passed over.
/// </summary>
internal static class ModelPriceFile
{
    /// <summary>The file that comes with the product, beside its assemblies.</summary>
    public static string ShippedPath { get; } =
        Path.Combine(Path.GetDirectoryName(typeof(ModelPriceFile).Assembly.Location)!, "model-prices.json");

    /// <summary>The prices that come with the product, read once.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ModelPricesInvalid"/>: somebody removed the file, or broke it.</exception>
    public static ModelPrices Shipped => ShippedPrices.Value;

    private static Lazy<ModelPrices> ShippedPrices { get; } = new(() => Read(ShippedPath, "the product's own folder"));

    /// <summary>Reads a file.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="source">What named the file, for messages.</param>
    /// <exception cref="ReplayException"><see cref="ReplayError.ModelPricesInvalid"/>: it names the file and the place.</exception>
    public static ModelPrices Read(string path, string source)
    {
        var file = $"The file of model prices '{path}' (from {source})";
        try
        {
            using var document = JsonDocument.Parse(
                File.ReadAllBytes(path),
                new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return new ModelPrices(ReadModels(document.RootElement, file));
        }
        catch (JsonException exception)
        {
            throw Invalid(
                $"{file} is not valid JSON: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}. Mend it there.",
                exception);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Invalid($"{file} does not exist. Check the path.", exception);
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Invalid($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private static List<KeyValuePair<string, ModelPrice>> ReadModels(JsonElement root, string file)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("models", out var models)
            || models.ValueKind != JsonValueKind.Object)
        {
            throw Invalid(
                $"{file} has no object 'models'. It must look like {{\"models\": {{\"vendor/name\": {{\"pricing\": "
                    + $"{{\"inputCostPerToken\": 0.0000025, \"outputCostPerToken\": 0.00001}}}}}}}}.");
        }

        var ids = models.EnumerateObject().Select(model => model.Name).ToHashSet(StringComparer.Ordinal);
        var prices = new List<KeyValuePair<string, ModelPrice>>();
        foreach (var model in models.EnumerateObject())
        {
            var place = $"models['{model.Name}']";
            if (model.Value.ValueKind != JsonValueKind.Object) throw Invalid($"{file} is malformed: {place} must be an object.");
            if (!model.Value.TryGetProperty("pricing", out var pricing) || pricing.ValueKind != JsonValueKind.Object)
            {
                throw Invalid($"{file} is malformed: {place}.pricing must be an object.");
            }

            var input = ReadPrice(pricing, "inputCostPerToken", $"{file} is malformed: {place}.pricing");
            var output = ReadPrice(pricing, "outputCostPerToken", $"{file} is malformed: {place}.pricing");
            if ((input is null && output is null) || IsVariant(model.Name, ids)) continue;
            prices.Add(new(model.Name, new ModelPrice(input ?? 0, output ?? 0)));
        }

        return prices;
    }

    private static double? ReadPrice(JsonElement pricing, string name, string place)
    {
        if (!pricing.TryGetProperty(name, out var price) || price.ValueKind == JsonValueKind.Null) return null;
        return price.ValueKind == JsonValueKind.Number && price.GetDouble() is >= 0 and < double.PositiveInfinity and var value
            ? value
            : throw Invalid($"{place}.{name} must be a number from 0 on, in USD for each token.");
    }

    /// <summary>Another way to reach a model that is in the table by itself, or none in particular.</summary>
    private static bool IsVariant(string id, HashSet<string> ids) =>
        id.Contains("openrouter/", StringComparison.Ordinal)
        || (id.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon && ids.Contains(id[..colon]));

    private static ReplayException Invalid(string message, Exception? innerException = null) =>
        new(ReplayError.ModelPricesInvalid, message, innerException);
}

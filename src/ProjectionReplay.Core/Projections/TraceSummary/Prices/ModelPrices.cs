namespace ProjectionReplay.Projections.TraceSummary.Prices;

/// <summary>The prices of models, by name. Immutable and safe for concurrent use.</summary>
public sealed class ModelPrices
{
    private readonly Dictionary<string, ModelPrice> _prices = new(StringComparer.Ordinal);

    /// <param name="prices">
    /// The prices by <c>vendor/name</c>, in order: where a name stands for several models, the first one counts.
    /// </param>
    internal ModelPrices(IEnumerable<KeyValuePair<string, ModelPrice>> prices)
    {
        foreach (var (model, price) in prices)
        {
            // A model goes by its full id, and by its name alone.
            _prices.TryAdd(model, price);
            if (model.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash) _prices.TryAdd(model[(slash + 1)..], price);
            Count++;
        }
    }

    /// <summary>The number of models.</summary>
    public int Count { get; }

    /// <summary>
    /// Finds the price of a model: by its very id or name, or else by what stands behind its first slash, up to the
    /// next one.
    /// </summary>
    /// <returns>False when there is none.</returns>
    internal bool TryFind(string model, out ModelPrice price)
    {
        if (_prices.TryGetValue(model, out price)) return true;
        if (model.IndexOf('/', StringComparison.Ordinal) is not (>= 0 and var slash)) return false;
        var end = model.IndexOf('/', slash + 1);
        return _prices.TryGetValue(end < 0 ? model[(slash + 1)..] : model[(slash + 1)..end], out price);
    }
}

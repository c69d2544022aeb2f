using ProjectionReplay.Faults;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Configuration;

/// <summary>
/// Where the prices of models come from: a parameter, else <c>PROJECTION_REPLAY_MODEL_PRICES</c>, else that of
/// <c>.env</c> in a directory, else the file that comes with the product.
/// </summary>
/// <param name="directory">
/// Where relative paths start and <c>.env</c> is read, or null for the process's current directory and no file.
/// </param>
/// <param name="environment">Reads an environment variable; the process environment when null.</param>
public sealed class ModelPriceSettings(string? directory, Func<string, string?>? environment = null)
{
    private readonly SettingSources _sources = new(directory, environment, ReplayError.ModelPricesInvalid);

    /// <summary>The path given as parameter, or null.</summary>
    public string? ModelPricePath { get; init; }

    /// <summary>Finds the file and reads it.</summary>
    /// <exception cref="ReplayException">
    /// <see cref="ReplayError.ModelPricesInvalid"/>: the file is missing or malformed; the message names file and place.
    /// </exception>
    public ModelPrices Read()
    {
        if (_sources.Find(ModelPricePath, "-ModelPricePath", "PROJECTION_REPLAY_MODEL_PRICES") is not { } setting)
        {
            return ModelPriceFile.Shipped;
        }

        return ModelPriceFile.Read(directory is null ? setting.Value : Path.Combine(directory, setting.Value), setting.Source);
    }
}

using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Projections.TraceSummary.Prices;

public sealed class ModelPriceFileTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("model-prices-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void The_product_brings_prices_of_models_in_common_use()
    {
        Assert.True(File.Exists(ModelPriceFile.ShippedPath));
        Assert.True(ModelPriceFile.Shipped.Count > 40);
        Assert.True(ModelPriceFile.Shipped.TryFind("gpt-4o", out var price));
        Assert.Equal(new ModelPrice(2.5e-6, 1e-5), price);
        Assert.True(ModelPriceFile.Shipped.TryFind("anthropic/claude-sonnet-4", out _));
    }

    [Fact]
    public void A_missing_price_is_zero_and_models_without_any_are_left_out()
    {
        var prices = Read("""
            { "updatedAt": "x", // as people write it
              "models": {
                "a/in": { "name": "x", "pricing": { "inputCostPerToken": 1, "outputCostPerToken": null, "imageCost": "?" } },
                "a/out": { "pricing": { "outputCostPerToken": 2 } },
                "a/none": { "pricing": { "inputCostPerToken": null } },
                "a/in:free": { "pricing": { "inputCostPerToken": 5 } },
                "a/own:free": { "pricing": { "inputCostPerToken": 5 } },
                "openrouter/auto": { "pricing": { "inputCostPerToken": 5 } }, } }
            """);
        Assert.Equal(3, prices.Count);
        Assert.True(prices.TryFind("in", out var input));
        Assert.True(prices.TryFind("out", out var output));
        Assert.Equal((new ModelPrice(1, 0), new ModelPrice(0, 2)), (input, output));
        Assert.False(prices.TryFind("none", out _));
        Assert.False(prices.TryFind("in:free", out _));
        Assert.True(prices.TryFind("own:free", out _));
        Assert.False(prices.TryFind("auto", out _));
    }

    [Fact]
    public void Of_several_models_of_a_name_the_first_counts()
    {
        var prices = Read("""{"models":{"a/m":{"pricing":{"inputCostPerToken":1}},"b/m":{"pricing":{"inputCostPerToken":2}}}}""");
        Assert.True(prices.TryFind("m", out var price) && price.Input == 1);
        Assert.True(prices.TryFind("b/m", out price) && price.Input == 2);
        Assert.True(prices.TryFind("c/m", out price) && price.Input == 1);
    }

    [Theory]
    [InlineData("{", "not valid JSON: line 1, byte 2")]
    [InlineData("[]", "has no object 'models'")]
    [InlineData("""{"models":[]}""", "has no object 'models'")]
    [InlineData("""{"models":{"a/b":5}}""", "models['a/b'] must be an object")]
    [InlineData("""{"models":{"a/b":{}}}""", "models['a/b'].pricing must be an object")]
    [InlineData(
        """{"models":{"a/b":{"pricing":{"inputCostPerToken":-1}}}}""",
        "models['a/b'].pricing.inputCostPerToken must be a number from 0 on")]
    [InlineData(
        """{"models":{"a/b":{"pricing":{"outputCostPerToken":1e400}}}}""",
        "models['a/b'].pricing.outputCostPerToken must be a number from 0 on")]
    public void A_malformed_file_is_named_with_the_place(string json, string problem)
    {
        var exception = Assert.Throws<ReplayException>(() => Read(json));
        Assert.Equal(ReplayError.ModelPricesInvalid, exception.Error);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
        Assert.Contains(PathOf("prices.json"), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_beats_the_environment_which_beats_the_env_file_which_beats_the_product()
    {
        Write("parameter.json", 1);
        Write("environment.json", 2);
        Write("file.json", 3);
        Assert.True(new ModelPriceSettings(_directory.FullName, _ => null).Read().Count > 40);
        File.WriteAllText(PathOf(".env"), "PROJECTION_REPLAY_MODEL_PRICES=file.json");
        Assert.Equal(3, PriceOf(new ModelPriceSettings(_directory.FullName, _ => " ")));
        Assert.Equal(2, PriceOf(new ModelPriceSettings(_directory.FullName, Variable)));
        Assert.Equal(1, PriceOf(new ModelPriceSettings(_directory.FullName, Variable) { ModelPricePath = PathOf("parameter.json") }));

        static string? Variable(string name) => name == "PROJECTION_REPLAY_MODEL_PRICES" ? "environment.json" : null;
    }

    [Fact]
    public void A_file_that_is_not_there_is_named_with_what_named_it()
    {
        var exception = Assert.Throws<ReplayException>(() => new ModelPriceSettings(_directory.FullName, _ => "nowhere.json").Read());
        Assert.Equal(ReplayError.ModelPricesInvalid, exception.Error);
        Assert.Contains(
            $"'{PathOf("nowhere.json")}' (from PROJECTION_REPLAY_MODEL_PRICES) does not exist",
            exception.Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "cannot be read",
            Assert.Throws<ReplayException>(() => new ModelPriceSettings(_directory.FullName, _ => ".").Read()).Message,
            StringComparison.Ordinal);
    }

    private static double PriceOf(ModelPriceSettings settings) => settings.Read().TryFind("m", out var price) ? price.Input : double.NaN;

    private void Write(string file, int price) =>
        File.WriteAllText(
            PathOf(file),
            """{"models":{"a/m":{"pricing":{"inputCostPerToken":PRICE}}}}""".Replace("PRICE", $"{price}", StringComparison.Ordinal));

    private ModelPrices Read(string json)
    {
        File.WriteAllText(PathOf("prices.json"), json);
        return ModelPriceFile.Read(PathOf("prices.json"), "the test");
    }

    private string PathOf(string file) => Path.Combine(_directory.FullName, file);
}

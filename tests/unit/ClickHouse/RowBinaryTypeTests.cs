namespace ProjectionReplay.ClickHouse;

/// <summary>Which types need no conversion.</summary>
public sealed class RowBinaryTypeTests
{
    [Theory]
    [InlineData("String", "String", true)]
    [InlineData("String", "LowCardinality(String)", true)]
    [InlineData("Nullable(String)", "LowCardinality(Nullable(String))", true)]
    [InlineData("DateTime64(3)", "DateTime64(3, 'Europe/Berlin')", true)]
    [InlineData("Nullable(DateTime64(3))", "Nullable(DateTime64(3, 'UTC'))", true)]
    [InlineData("Map(String, String)", "Map(String,String)", true)]
    [InlineData("Map(String, String)", "Map(LowCardinality(String), String)", true)]
    [InlineData("String", "Nullable(String)", false)]
    [InlineData("DateTime64(3)", "DateTime64(6)", false)]
    [InlineData("DateTime64(3)", "DateTime", false)]
    [InlineData("UInt32", "UInt64", false)]
    [InlineData("Bool", "UInt8", false)]
    public void Types_are_the_same_when_their_bytes_are(string written, string read, bool areSame) =>
        Assert.Equal(areSame, RowBinaryType.AreSame(written, read));
}

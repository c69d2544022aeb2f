using System.Globalization;
using CsCheck;

namespace ProjectionReplay.Json;

public sealed class EcmaScriptNumberTests
{
    [Theory]
    [InlineData(0d, "0")]
    [InlineData(1d, "1")]
    [InlineData(-1.5, "-1.5")]
    [InlineData(100d, "100")]
    [InlineData(0.1, "0.1")]
    [InlineData(0.1 + 0.2, "0.30000000000000004")]
    [InlineData(123456789.125, "123456789.125")]
    [InlineData(1e20, "100000000000000000000")]
    [InlineData(123456789012345680000d, "123456789012345680000")]
    [InlineData(999999999999999900000d, "999999999999999900000")]
    [InlineData(1e21, "1e+21")]
    [InlineData(1.5e21, "1.5e+21")]
    [InlineData(-1e21, "-1e+21")]
    [InlineData(1e-6, "0.000001")]
    [InlineData(1.5e-6, "0.0000015")]
    [InlineData(1e-7, "1e-7")]
    [InlineData(-1.25e-7, "-1.25e-7")]
    [InlineData(1e100, "1e+100")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(2.2250738585072014e-308, "2.2250738585072014e-308")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(9007199254740993d, "9007199254740992")]
    [InlineData(12345678901234567890d, "12345678901234567000")]
    [InlineData(4294967296d, "4294967296")]
    [InlineData(0.00001, "0.00001")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    public void Text_is_what_JavaScript_writes(double value, string expected) =>
        Assert.Equal(expected, EcmaScriptNumber.ToText(value));

    [Fact]
    public void Minus_zero_has_no_sign() => Assert.Equal("0", EcmaScriptNumber.ToText(-0d));

    [Fact]
    public void Text_reads_back_as_the_same_number() =>
        Gen.Double.Where(double.IsFinite).Sample(value =>
            double.Parse(EcmaScriptNumber.ToText(value), CultureInfo.InvariantCulture).Equals(value + 0d));

    [Fact]
    public void Text_never_outgrows_its_room() =>
        Gen.Double.Where(double.IsFinite).Sample(value => EcmaScriptNumber.ToText(value).Length <= 25);

    [Theory]
    [InlineData(2.5, 3)]
    [InlineData(-2.5, -2)]
    [InlineData(-2.51, -3)]
    [InlineData(0.5, 1)]
    [InlineData(-0.5, 0)]
    [InlineData(-0.5000000000000001, -1)]
    [InlineData(0.49999999999999994, 0)]
    [InlineData(1.4999999999999998, 1)]
    [InlineData(4503599627370495.5, 4503599627370496)]
    [InlineData(4503599627370497.5, 4503599627370498)]
    [InlineData(9007199254740991, 9007199254740991)]
    [InlineData(-9007199254740991, -9007199254740991)]
    [InlineData(1e300, 1e300)]
    [InlineData(-1e-300, 0)]
    [InlineData(double.NaN, double.NaN)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity, double.NegativeInfinity)]
    public void Halves_are_rounded_up(double value, double expected) =>
        Assert.Equal(expected, EcmaScriptNumber.RoundHalfUp(value) + 0d);
}

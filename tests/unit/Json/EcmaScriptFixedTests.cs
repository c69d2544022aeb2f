using System.Globalization;
using System.Numerics;
using CsCheck;

namespace ProjectionReplay.Json;

public sealed class EcmaScriptFixedTests
{
    [Theory]
    [InlineData(0.0078125, 0.007813)]
    [InlineData(4e-7, 0)]
    [InlineData(5e-7, 0)]
    [InlineData(5.0000000000000004e-7, 0.000001)]
    [InlineData(0.00008250000000000001, 0.000083)]
    [InlineData(0.30000000000000004, 0.3)]
    [InlineData(1.0000005, 1.000001)]
    [InlineData(1.0000004999999999, 1)]
    [InlineData(123456789.123456789, 123456789.123457)]
    [InlineData(9007199254740991, 9007199254740991)]
    [InlineData(4503599627370495.5, 4503599627370495.5)]
    [InlineData(1e21, 1e21)]
    [InlineData(5e-324, 0)]
    public void Numbers_are_rounded_to_millionths_by_their_exact_value(double value, double expected) =>
        Assert.Equal(expected, EcmaScriptFixed.Round6(value));

    [Fact]
    public void Rounding_is_that_of_exact_arithmetic()
    {
        var values = Gen.OneOf(
            Gen.Double[0, 1], Gen.Double[0, 1e6], Gen.Double[0, 9e15], Gen.Int[1, 1_000_000].Select(n => n / 128e4));
        values.Where(value => value > 0).Sample(
            value => Assert.Equal(Exactly(value), EcmaScriptFixed.Round6(value)), iter: 20_000);
    }

    private static double Exactly(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52);
        var significand = (bits & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52);
        var denominator = BigInteger.Pow(2, 1075 - Math.Max(exponent, 1));
        var (quotient, remainder) = BigInteger.DivRem(new BigInteger(significand) * 1_000_000, denominator);
        if (remainder * 2 >= denominator) quotient++;
        var digits = quotient.ToString(CultureInfo.InvariantCulture).PadLeft(7, '0');
        return double.Parse($"{digits[..^6]}.{digits[^6..]}", CultureInfo.InvariantCulture);
    }
}

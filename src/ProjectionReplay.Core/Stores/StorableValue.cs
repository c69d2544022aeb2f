using System.Globalization;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Json;

namespace ProjectionReplay.Stores;

/// <summary>
/// Fits the doubles and times of a state into the columns of a table, and refuses what would come back as another
/// value: ClickHouse would wrap or clamp it without a word.
/// </summary>
internal static class StorableValue
{
    /// <summary>1900-01-01, the first day of DateTime64.</summary>
    private const long MinDateTime = -2_208_988_800_000;

    /// <summary>The last ms of 2299-12-31, the last day of DateTime64.</summary>
    private const long MaxDateTime = 10_413_791_999_999;

    /// <summary>2^64, the first double that UInt64 has no room for.</summary>
    private const double UInt64Limit = 18_446_744_073_709_551_616d;

    /// <summary>2^63, the first double that Int64 has no room for.</summary>
    private const double Int64Limit = 9_223_372_036_854_775_808d;

    /// <summary>Whether a number has a fraction that an integer column cannot hold.</summary>
    public static bool IsFractional(double? value) => value is { } number && double.IsFinite(number) && number != Math.Floor(number);

    /// <summary>The nearest UInt32, halves rounded up.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.StateNotStorable"/>: it is negative or too large.</exception>
    public static uint UInt32(AggregateKey aggregate, string column, double value) =>
        value >= 0 && EcmaScriptNumber.RoundHalfUp(value) is <= uint.MaxValue and var rounded
            ? (uint)rounded
            : throw NotStorable(aggregate, column, EcmaScriptNumber.ToText(value), "an integer from 0 to 4294967295");

    /// <summary>The nearest UInt64, halves rounded up.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.StateNotStorable"/>: it is negative or too large.</exception>
    public static ulong UInt64(AggregateKey aggregate, string column, double value) =>
        value >= 0 && EcmaScriptNumber.RoundHalfUp(value) is < UInt64Limit and var rounded
            ? (ulong)rounded
            : throw NotStorable(aggregate, column, EcmaScriptNumber.ToText(value), "an integer from 0 to 18446744073709551615");

    /// <summary>The nearest Int64, halves rounded up.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.StateNotStorable"/>: it is too large, either way.</exception>
    public static long Int64(AggregateKey aggregate, string column, double value) =>
        EcmaScriptNumber.RoundHalfUp(value) is >= -Int64Limit and < Int64Limit and var rounded
            ? (long)rounded
            : throw NotStorable(
                aggregate, column, EcmaScriptNumber.ToText(value), "an integer from -9223372036854775808 to 9223372036854775807");

    /// <summary>A time in ms since 1970 UTC, as it is.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.StateNotStorable"/>: no DateTime64 has it.</exception>
    public static long DateTime64(AggregateKey aggregate, string column, long milliseconds) =>
        milliseconds is >= MinDateTime and <= MaxDateTime
            ? milliseconds
            : throw NotStorable(
                aggregate, column, milliseconds.ToString(CultureInfo.InvariantCulture) + " ms since 1970", "a time from 1900 to 2299");

    private static ReplayException NotStorable(AggregateKey aggregate, string column, string value, string range) => new(
        ReplayError.StateNotStorable,
        $"The state of aggregate '{aggregate}' cannot be stored: column {column} holds {range}, but the events come to {value}. "
            + "Correct or remove the events of this aggregate that say so, then replay again.");
}

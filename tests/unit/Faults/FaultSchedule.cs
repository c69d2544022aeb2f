using System.Globalization;

namespace ProjectionReplay.Faults;

/// <summary>
/// Random faults that can be had again: REPLAY_TEST_SEED runs one schedule alone, REPLAY_TEST_SCHEDULES another number
/// of them than the few of a normal run.
/// </summary>
internal static class FaultSchedule
{
    public static TheoryData<int> Seeds(int normally) =>
        Number("REPLAY_TEST_SEED") is { } seed ? [seed] : [.. Enumerable.Range(1, Number("REPLAY_TEST_SCHEDULES") ?? normally)];

    /// <summary>The random numbers of a schedule: the same for the same seed.</summary>
    public static Random Random(int seed) => new(seed);

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}

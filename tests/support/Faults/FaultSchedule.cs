using System.Globalization;

namespace ProjectionReplay.Faults;

/// <summary>
/// Random schedules, of faults and of live traffic, that can be had again: REPLAY_TEST_SEED runs one schedule of each
/// kind alone, REPLAY_TEST_SCHEDULES another number of them than a normal run: most are faults of every kind.
/// </summary>
internal static class FaultSchedule
{
    /// <summary>Faults of every kind, in a normal run.</summary>
    public const int Faults = 6;

    /// <summary>Kills at any moment, in a normal run.</summary>
    public const int Kills = 2;

    /// <summary>Kills, and as many cuts, beside live handlers, in a normal run: one each for rows and for counters.</summary>
    public const int Live = 2;

    /// <summary>Answers that go wrong, ten each, in a normal run.</summary>
    public const int Answers = 30;

    /// <summary>The seeds of one kind of schedule.</summary>
    /// <param name="normally">How many there are in a normal run.</param>
    /// <param name="percent">Their part of another number of schedules.</param>
    public static TheoryData<int> Seeds(int normally, int percent) =>
        Number("REPLAY_TEST_SEED") is { } seed ? [seed] : [.. Enumerable.Range(1, Share(normally, percent))];

    /// <summary>The random numbers of a schedule: the same for the same seed.</summary>
    public static Random Random(int seed) => new(seed);

    /// <summary>A number that the environment may set.</summary>
    public static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>A kind's part of the schedules that are asked for; one at least.</summary>
    private static int Share(int normally, int percent) =>
        Number("REPLAY_TEST_SCHEDULES") is { } all ? Math.Max(1, ((all * percent) + 50) / 100) : normally;
}

namespace ProjectionReplay;

/// <summary>
/// How much of a large set of cases a run takes: a few that stand for all of them, or all, where the environment says
/// REPLAY_TEST_EXTENT=full, as the nightly run does. A class that goes by this has the trait <c>Set=Nightly</c>.
/// </summary>
internal static class TestExtent
{
    public static bool IsFull { get; } =
        string.Equals(Environment.GetEnvironmentVariable("REPLAY_TEST_EXTENT"), "full", StringComparison.OrdinalIgnoreCase);

    /// <summary>The cases of a full run, or else the few.</summary>
    public static TheoryData<T> Of<T>(IEnumerable<T> all, params IEnumerable<T> few) => [.. IsFull ? all : few];

    /// <summary>
    /// Each of the one with each of the other; or else a diagonal of them, in which each stands once at least.
    /// </summary>
    public static TheoryData<T1, T2> Each<T1, T2>(IReadOnlyList<T1> ones, IReadOnlyList<T2> others)
    {
        var cases = new TheoryData<T1, T2>();
        for (var i = 0; i < ones.Count; i++)
        {
            for (var j = 0; j < others.Count; j++)
            {
                if (IsFull || (ones.Count < others.Count ? j % ones.Count == i : i % others.Count == j)) cases.Add(ones[i], others[j]);
            }
        }

        return cases;
    }
}

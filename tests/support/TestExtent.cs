using ProjectionReplay.Faults;
using ProjectionReplay.Planning;

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
    /// Both sides of each phase of the cycle; or else each phase's beginning, which is the end of the one before it, and the
    /// end of the last.
    /// </summary>
    public static TheoryData<ReplayPhase, bool> Boundaries()
    {
        var cases = new TheoryData<ReplayPhase, bool>();
        foreach (var phase in Enum.GetValues<ReplayPhase>())
        {
            cases.Add(phase, true);
            if (IsFull || phase == ReplayPhase.Unmark) cases.Add(phase, false);
        }

        return cases;
    }

    /// <summary>Each server in each phase of the cycle; or else where the phase has it do something.</summary>
    public static TheoryData<string, ReplayPhase> ServersInPhases()
    {
        var cases = new TheoryData<string, ReplayPhase>();
        (Server Server, ReplayPhase[] Phases)[] busy =
        [
            (Server.ClickHouse, [ReplayPhase.Load, ReplayPhase.CatchUp, ReplayPhase.Store]),
            (Server.Redis, [ReplayPhase.Mark, ReplayPhase.Drain, ReplayPhase.Cutoff, ReplayPhase.Settle, ReplayPhase.Unmark]),
            (Server.Postgres, [ReplayPhase.Store]),
        ];
        foreach (var (server, phases) in busy)
        {
            foreach (var phase in IsFull ? Enum.GetValues<ReplayPhase>() : phases) cases.Add(server.ToString(), phase);
        }

        return cases;
    }
}

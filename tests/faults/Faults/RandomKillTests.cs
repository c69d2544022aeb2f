using System.Globalization;
using ProjectionReplay.Planning;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>Replays that are killed at any moment, several times over.</summary>
[Trait("Set", "Nightly")]
public sealed class RandomKillTests(TestServers servers) : IClassFixture<TestServers>
{
    private const int Kills = 3;

    public static TheoryData<int> Seeds { get; } = FaultSchedule.Seeds(FaultSchedule.Kills, percent: 24);

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task However_often_and_whenever_a_replay_is_killed_the_states_come_out_exact(int seed)
    {
        var random = FaultSchedule.Random(seed);
        var subjects = await FaultSubject.CreateEachAsync(servers, (ulong)seed);
        var schedule = string.Create(CultureInfo.InvariantCulture, $"REPLAY_TEST_SEED={seed}");
        for (var kill = 0; kill < Kills; kill++)
        {
            // Early moments are as likely as late ones; most runs are over after half a second.
            var delay = Math.Round(Math.Pow(random.NextDouble(), 2) * 500, 1);
            var action = random.Next(3) == 0 ? PreviousRunAction.Restart : PreviousRunAction.Resume;
            var wasKilled = await ChildReplay.KillAfterAsync(servers, delay, subjects, action);
            schedule += string.Create(
                CultureInfo.InvariantCulture, $", {action} {(wasKilled ? "killed after" : "done before")} {delay} ms");
        }

        var last = random.Next(2) == 0 ? PreviousRunAction.Restart : PreviousRunAction.Resume;
        foreach (var subject in subjects)
        {
            var outcome = await subject.RunAsync(last);
            Assert.True(outcome.Exception is null, $"{schedule}, then {last} of {subject.Name} failed: {outcome.Exception}");
            await subject.AssertDoneAsync($"{schedule}, then {last}");
        }

        TestContext.Current.TestOutputHelper?.WriteLine(schedule);
    }
}

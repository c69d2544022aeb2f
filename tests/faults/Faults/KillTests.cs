using ProjectionReplay.Planning;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>A replay that is killed, at every boundary of the cycle: no catch, finally or dispose of it runs.</summary>
[Trait("Set", "Nightly")]
public sealed class KillTests(TestServers servers) : IClassFixture<TestServers>
{
    public static TheoryData<ReplayPhase, bool> Boundaries { get; } = TestExtent.Boundaries();

    [Theory]
    [MemberData(nameof(Boundaries))]
    public async Task Resume_restart_and_cleanup_after_kill_9_lose_nothing_and_count_nothing_twice(ReplayPhase phase, bool isBefore)
    {
        var boundary = new ReplayBoundary(2, phase, isBefore);
        var resumed = await FaultSubject.CreateEachAsync(servers);
        var restarted = await FaultSubject.CreateEachAsync(servers);
        var cleaned = await FaultSubject.CreateEachAsync(servers);

        await ChildReplay.KillAtAsync(servers, boundary, [.. resumed, .. restarted, .. cleaned]);

        await Task.WhenAll([
            .. resumed.Select(async subject =>
            {
                (await subject.RunAsync(PreviousRunAction.Resume)).ShouldSucceed();
                await subject.AssertDoneAsync($"resumed after a kill at {boundary}");
            }),
            .. restarted.Select(async subject =>
            {
                (await subject.RunAsync(PreviousRunAction.Restart)).ShouldSucceed();
                await subject.AssertDoneAsync($"restarted after a kill at {boundary}");
            }),
            .. cleaned.Select(async subject =>
            {
                var again = await subject.RunAsync();

                // Batches are loaded before they are marked: while the second one is, the first may not be marked yet, and then
                // nothing was begun.
                if (phase != ReplayPhase.Load || again.Error is not null)
                {
                    again.ShouldFailWith(ReplayError.PreviousRunFound);
                    await subject.CleanUpAsync();
                    again = await subject.RunAsync();
                }

                again.ShouldSucceed();
                await subject.AssertDoneAsync($"run again after a kill at {boundary} and Clear-ReplayMarker");
            }),
        ]);
    }
}

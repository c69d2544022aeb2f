using ProjectionReplay.Planning;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>A server that goes down and stays down: the run ends with an error that names it, and a resume finishes.</summary>
[Trait("Set", "Nightly")]
public sealed class OutageTests(TestServers servers) : IClassFixture<TestServers>
{
    public static TheoryData<string, ReplayPhase> Phases { get; } = TestExtent.ServersInPhases();

    [Theory]
    [MemberData(nameof(Phases))]
    public async Task A_server_that_goes_down_at_any_phase_is_named_and_a_resume_finishes_once_it_is_back(string server, ReplayPhase phase)
    {
        var faulty = Enum.Parse<Server>(server);
        await using var linked = new LinkedServers(servers, faulty);
        var subject = await FaultSubject.CreateAsync(servers, LinkedServers.ProjectionOn(faulty));
        var options = new ReplayOptions
        {
            // Only without Redis is it lost: the others are waited for on a machine that may be busy.
            LockExpiry = TimeSpan.FromSeconds(faulty == Server.Redis ? 2 : 20),
            Probe = (boundary, _) =>
            {
                if (boundary == new ReplayBoundary(2, phase, IsBefore: true)) linked.Link.TakeDown();
                return ValueTask.CompletedTask;
            },
        };

        var started = TimeProvider.System.GetTimestamp();
        var outcome = await subject.RunAsync(connections: linked.Connections, options: options, timeProvider: new HastyTime());
        TestContext.Current.TestOutputHelper?.WriteLine($"{TimeProvider.System.GetElapsedTime(started)} {outcome.Exception?.Message}");

        outcome.ShouldFailWith(faulty switch
        {
            Server.ClickHouse => ReplayError.ClickHouseUnavailable,
            Server.Redis => ReplayError.RedisUnavailable,
            _ => ReplayError.PostgresUnavailable,
        });
        var markers = await subject.Tenant.MarkersAsync(subject.Name);
        if (faulty == Server.Redis)
        {
            Assert.Contains(outcome.Warnings, warning => warning.Contains("Clear-ReplayMarker", StringComparison.Ordinal));
            Assert.DoesNotContain("Nothing is marked any more", outcome.Exception!.Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.True(markers.Count == 0, $"Redis was there, so no marker should be left, but {markers.Count} are.");
            Assert.Empty(outcome.Warnings);
        }

        linked.Link.Restore();
        (await subject.RunAsync(PreviousRunAction.Resume, connections: linked.Connections)).ShouldSucceed();
        await subject.AssertDoneAsync($"resumed after {server} was down from {phase} on");
    }
}

using System.Globalization;
using ProjectionReplay.Planning;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>Faults of every kind at random boundaries, several in a row, each run resuming what the one before left.</summary>
[Trait("Set", "Nightly")]
public sealed class RandomFaultTests(TestServers servers) : IClassFixture<TestServers>
{
    private const int InARow = 4;

    private static readonly string[] Projections =
        ["evaluationState", "experimentRunState", "tenantDailyBillableEvents", "tenantDailyEventStats"];

    public static TheoryData<int> Seeds { get; } = FaultSchedule.Seeds(FaultSchedule.Faults, percent: 68);

    private enum Fault
    {
        Exception,
        Cancel,
        Kill,
        LostRequest,
        LostAnswer,
        Outage,
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_goes_wrong_and_however_often_the_states_come_out_exact(int seed)
    {
        var random = FaultSchedule.Random(seed);
        var subject = await FaultSubject.CreateAsync(servers, Projections[seed % Projections.Length], (ulong)seed);
        var onPostgres = subject.Name.StartsWith("tenant", StringComparison.Ordinal);
        var story = $"REPLAY_TEST_SEED={seed}";
        for (var i = 0; i < InARow; i++)
        {
            var fault = Pick<Fault>(random);
            var server = Pick<Server>(random);
            var boundary = new ReplayBoundary(1 + random.Next(3), Pick<ReplayPhase>(random), random.Next(2) == 0);
            var action = random.Next(4) == 0 ? PreviousRunAction.Restart : PreviousRunAction.Resume;
            var delay = Math.Round(random.NextDouble() * 300, 1);
            if (server == Server.Postgres && !onPostgres) server = Server.ClickHouse;
            story += fault == Fault.Kill
                ? string.Create(CultureInfo.InvariantCulture, $"; {action}, {fault} after {delay} ms")
                : $"; {action}, {fault} of {server} at {boundary}";

            if (fault == Fault.Kill) await ChildReplay.KillAfterAsync(servers, delay, [subject], action);
            else await FailAsync(subject, fault, server, boundary, action, story);
        }

        var last = await subject.RunAsync(PreviousRunAction.Resume);
        Assert.True(last.Exception is null, $"{story}; Resume failed: {last.Exception}");
        await subject.AssertDoneAsync($"{story}; Resume");
    }

    private async Task FailAsync(
        FaultSubject subject, Fault fault, Server server, ReplayBoundary at, PreviousRunAction action, string story)
    {
        await using var linked = new LinkedServers(servers, server);
        using var cancellation = new CancellationTokenSource();
        var options = new ReplayOptions
        {
            // A lost request of the lock's renewal takes the client a few seconds to notice.
            LockExpiry = TimeSpan.FromSeconds(20),
            Probe = (boundary, _) =>
            {
                if (boundary != at) return ValueTask.CompletedTask;
                switch (fault)
                {
                    case Fault.Cancel: cancellation.Cancel(); break;
                    case Fault.LostRequest: linked.Link.LoseRequest(); break;
                    case Fault.LostAnswer: linked.Link.LoseAnswer(); break;
                    case Fault.Outage: linked.Link.TakeDown(); break;
                    default: throw new InvalidOperationException("The test fails the run here.");
                }

                return ValueTask.CompletedTask;
            },
        };
        var outcome = await subject.RunAsync(
            action, options, linked.Connections, fault == Fault.Outage ? new HastyTime() : null, cancellationToken: cancellation.Token);

        // A fault that comes too late for the run, and one that is got over, leave a run that succeeded.
        var isExpected = outcome.Exception is null || fault switch
        {
            Fault.Exception => outcome.Error == ReplayError.ReplayFailed,
            Fault.Cancel => outcome.Exception is OperationCanceledException,
            Fault.Outage => outcome.Error
                is ReplayError.ClickHouseUnavailable or ReplayError.RedisUnavailable or ReplayError.PostgresUnavailable,
            _ => false,
        };
        Assert.True(isExpected, $"{story}: the run ended unexpectedly with {outcome.Exception}");
        if (server == Server.Redis && fault == Fault.Outage) return;
        var markers = await subject.Tenant.MarkersAsync(subject.Name);
        Assert.True(markers.Count == 0, $"{story}: {markers.Count} markers are left though Redis was there.");
    }

    private static T Pick<T>(Random random)
        where T : struct, Enum
    {
        var values = Enum.GetValues<T>();
        return values[random.Next(values.Length)];
    }
}

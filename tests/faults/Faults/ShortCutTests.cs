using ProjectionReplay.Planning;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>Connections that break and can be made again: the run goes on, and says what it met.</summary>
[Trait("Set", "Nightly")]
public sealed class ShortCutTests(TestServers servers) : IClassFixture<TestServers>
{
    public static TheoryData<string, ReplayPhase> Phases { get; } = TestExtent.ServersInPhases();

    [Theory]
    [MemberData(nameof(Phases))]
    public async Task Connections_cut_at_any_phase_are_made_again_and_nothing_is_lost_or_counted_twice(string server, ReplayPhase phase)
    {
        var faulty = Enum.Parse<Server>(server);
        await using var linked = new LinkedServers(servers, faulty);
        var subject = await FaultSubject.CreateAsync(servers, LinkedServers.ProjectionOn(faulty));

        // Another fault in each batch.
        var outcome = await subject.RunAsync(connections: linked.Connections, options: At(phase, linked.Link, (link, batch) =>
        {
            if (batch == 1) link.Cut();
            if (batch == 2) link.LoseRequest();
            if (batch == 3) link.LoseAnswer();
            if (batch == 4) link.LoseAnswer(afterBytes: 2);
        }));

        outcome.ShouldSucceed();
        AssertCut(linked.Link);
        await subject.AssertDoneAsync($"{server} cut at {phase}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    [InlineData(5_000)]
    [InlineData(20_000)]
    public async Task A_page_that_breaks_off_is_read_again_from_its_start(int afterBytes)
    {
        await using var linked = new LinkedServers(servers, Server.ClickHouse);
        var subject = await FaultSubject.CreateAsync(servers, "tenantDailyEventStats");
        var options = At(ReplayPhase.Load, linked.Link, (link, batch) =>
        {
            // Only the query for events has that parameter. It is the one of all batches, which breaks off at one of them.
            if (batch == 1) link.LoseAnswer("param_freshness", afterBytes);
        });

        var outcome = await subject.RunAsync(connections: linked.Connections, options: options with { BatchSize = 10 });

        outcome.ShouldSucceed();
        AssertTold(outcome, linked.Link, "Reading events");
        Assert.Equal(outcome.Plan!.AggregateCount, outcome.Last.AggregatesReplayed);
        await subject.AssertDoneAsync($"a page cut after {afterBytes} bytes");
    }

    [Theory]
    [InlineData("Postgres", ReplayPhase.Store, "COMMIT", false, "Writing to TenantDailyBillableEvents")]
    [InlineData("Postgres", ReplayPhase.Store, "COMMIT", true, "Writing to TenantDailyBillableEvents")]
    [InlineData("ClickHouse", ReplayPhase.Store, "INSERT", false, "Writing to evaluation_states")]
    [InlineData("ClickHouse", ReplayPhase.Store, "INSERT", true, "Writing to evaluation_states")]
    [InlineData("Redis", ReplayPhase.Unmark, "SADD", false, "Removing markers")]
    [InlineData("Redis", ReplayPhase.Unmark, "SADD", true, "Removing markers")]
    public async Task A_write_whose_outcome_is_unknown_is_made_again_and_takes_effect_once(
        string server, ReplayPhase phase, string text, bool isAnswer, string operation)
    {
        var faulty = Enum.Parse<Server>(server);
        await using var linked = new LinkedServers(servers, faulty);
        var subject = await FaultSubject.CreateAsync(servers, LinkedServers.ProjectionOn(faulty));

        // The statement's end, or BEGIN's READ COMMITTED would be taken for it.
        var request = faulty == Server.Postgres ? text + '\0' : text;
        var outcome = await subject.RunAsync(connections: linked.Connections, options: At(phase, linked.Link, (link, _) =>
        {
            if (isAnswer) link.LoseAnswer(request);
            else link.LoseRequest(request);
        }));

        outcome.ShouldSucceed();
        AssertTold(outcome, linked.Link, operation);
        await subject.AssertDoneAsync($"the {(isAnswer ? "answer to" : "request of")} {text} lost");
    }

    [Theory]
    [InlineData("ClickHouse")]
    [InlineData("Redis")]
    [InlineData("Postgres")]
    public async Task A_server_that_stalls_for_a_moment_is_waited_for(string server)
    {
        var faulty = Enum.Parse<Server>(server);
        await using var linked = new LinkedServers(servers, faulty);
        var subject = await FaultSubject.CreateAsync(servers, LinkedServers.ProjectionOn(faulty));

        var restoring = Task.CompletedTask;
        var outcome = await subject.RunAsync(connections: linked.Connections, options: At(ReplayPhase.Store, linked.Link, (link, batch) =>
        {
            if (batch == 2) restoring = StallAsync(link);
        }));

        outcome.ShouldSucceed();
        await restoring;
        Assert.True(linked.Link.Stalls > 0, "Something should have been held back.");
        await subject.AssertDoneAsync($"{server} stalled");
    }

    private static async Task StallAsync(FaultyLink link)
    {
        link.Stall();
        await Task.WhenAny(HeldBackAsync(), Task.Delay(TimeSpan.FromMinutes(1)));
        await Task.Delay(500);
        link.Restore();

        async Task HeldBackAsync()
        {
            while (link.Stalls == 0) await Task.Delay(10);
        }
    }

    private static void AssertTold(ReplayOutcome outcome, FaultyLink link, string operation)
    {
        AssertCut(link);
        Assert.Contains(
            outcome.Verbose,
            text => text.StartsWith(operation, StringComparison.Ordinal) && text.Contains("Trying again", StringComparison.Ordinal));
    }

    private static void AssertCut(FaultyLink link) =>
        Assert.True(link.Strikes > 0, "A connection should have been cut, but the run was over before.");

    private static ReplayOptions At(ReplayPhase phase, FaultyLink link, Action<FaultyLink, int> fault) => new()
    {
        Probe = (boundary, _) =>
        {
            if (boundary.IsBefore && boundary.Phase == phase) fault(link, boundary.Batch);
            return ValueTask.CompletedTask;
        },
    };
}

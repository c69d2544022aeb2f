using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Live;

/// <summary>What a live system is busy with. The fewer runs, the more of the events are theirs.</summary>
/// <param name="Seed">For the same events again.</param>
/// <param name="Runs">Experiment runs that have a past.</param>
/// <param name="BackoffMs">How long a job that is put off waits.</param>
/// <param name="LateShare">The share of events that come in late.</param>
/// <param name="NewRuns">How many runs may be born: a tenth of the events are of one of them.</param>
public sealed record LiveLoad(int Seed, int Runs, int BackoffMs, double LateShare, int NewRuns = 20);

/// <summary>A live system at work on one tenant: events are appended as fast as its workers fold them.</summary>
internal sealed class LiveSystem : IAsyncDisposable
{
    /// <summary>How soon a job is staged after its event is visible. Nobody waits for so long (<see cref="ReplayTime"/>).</summary>
    private static readonly TimeSpan StagingGrace = LiveTime.Promise;

    private readonly TestServers _servers;
    private readonly LiveLoad _load;
    private readonly ILiveFold _fold;
    private readonly LiveWorkers _workers;
    private readonly LiveTraffic _traffic;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _appending;

    private LiveSystem(TestServers servers, IFoldProjection projection, TestTenant tenant, LiveLoad load)
    {
        (_servers, Projection, Tenant, _load) = (servers, projection, tenant, load);
        _fold = projection is TenantDailyBillableEventsProjection ? new LiveBillableEvents(servers) : new LiveExperimentRuns(servers);
        var queue = new LiveQueue(servers.Redis, projection.Definition.QueueName);
        _workers = new LiveWorkers(servers, queue, projection.Definition.Name, _fold, count: 6, TimeSpan.FromMilliseconds(load.BackoffMs));
        _traffic = new LiveTraffic(tenant, _workers, load.Runs, load.Seed)
        {
            LateShare = load.LateShare,
            NewRuns = load.NewRuns,

            // Only the start of a run is billed.
            StartShare = projection is ExperimentRunStateProjection ? 1 / 6.0 : 1,
        };
        _appending = _traffic.RunAsync(streams: 2, _stop.Token);
    }

    public IFoldProjection Projection { get; }

    public TestTenant Tenant { get; }

    /// <summary>What a replay beside it is given.</summary>
    public ReplayOptions Options => new()
    {
        AggregateBatchSize = Math.Max(4, _load.Runs / 3),
        StagingGrace = StagingGrace,

        // A busy machine has slow workers, which are no stuck ones.
        DrainTimeout = TimeSpan.FromMinutes(3),
    };

    /// <summary>Whether it has done better than its promise by now, as a replay expects that was told of no other.</summary>
    public bool IsQuick => _workers.SlowestStaging < new ReplayOptions().StagingGrace;

    /// <summary>The clock of a replay beside it, which waits for jobs to be staged.</summary>
    public TimeProvider ReplayTime => new LiveTime(_workers.WaitUntilStagedAsync);

    /// <summary>The clock of a comparison beside it, which waits for events to be handled.</summary>
    public TimeProvider ComparisonTime => new LiveTime(_workers.WaitUntilHandledAsync);

    /// <summary>Counters that live handlers have fed are exact only when they are rebuilt.</summary>
    public bool IsRebuild => Projection.Definition.ReplaySafety == ReplaySafety.Increment;

    /// <summary>Gives a tenant a past that no live handler ever saw, and starts.</summary>
    public static async Task<LiveSystem> StartAsync(TestServers servers, IFoldProjection projection, LiveLoad load)
    {
        var tenant = new TestTenant(servers);
        await LiveTraffic.SeedHistoryAsync(tenant, load.Runs, eventsPerRun: 3);
        var system = new LiveSystem(servers, projection, tenant, load);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (system._traffic.Appended <= 20) await Task.Delay(5, patience.Token);
        return system;
    }

    /// <summary>Stops appending, lets the workers finish, and checks that every stored state is the fold of its events.</summary>
    /// <param name="because">What was done before, for the message.</param>
    public async Task AssertExactAsync(string because)
    {
        await _stop.CancelAsync();
        await _appending;
        await _workers.WaitUntilIdleAsync();
        var (processed, skipped, deferred) = _workers.Decisions;
        Assert.True(deferred > 0, $"The test should have met the replay; processed {processed}, skipped {skipped}, deferred {deferred}.");
        Assert.True(
            _workers.SlowestStaging < StagingGrace,
            $"The live system should have kept its promise, but a job was staged {_workers.SlowestStaging} after its event.");
        var oracle = new StateOracle(_servers, Projection, Tenant.Id);
        await oracle.AssertStoredAsync(
            $"{because}, {_traffic.Appended} live events: processed {processed}, skipped {skipped}, deferred {deferred}");
        await oracle.AssertNothingLeftAsync(because);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _appending;
        await _workers.DisposeAsync();
        (_fold as IDisposable)?.Dispose();
        _stop.Dispose();
    }
}

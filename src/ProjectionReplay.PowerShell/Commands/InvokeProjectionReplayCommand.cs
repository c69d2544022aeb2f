using System.Management.Automation;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Invoke-ProjectionReplay</c>: replays historical events through projections, for tenants, from a date on. Several
/// run one after the other, in the order given; the first failure stops all.
/// </summary>
[Cmdlet(
    VerbsLifecycle.Invoke,
    "ProjectionReplay",
    DefaultParameterSetName = "Replay",
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ReplayLogEntry), typeof(ReplayPlan))]
public sealed class InvokeProjectionReplayCommand : StoppableCommand
{
    private ReplaySession? _session;

    /// <summary>The projections, by name.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Projection { get; set; } = [];

    /// <summary>The tenants whose events are replayed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TenantCompleter))]
    public string[] TenantId { get; set; } = [];

    /// <summary>
    /// Aggregates with an event since then are replayed, each from its first event. A date without a time zone is
    /// midnight UTC, whatever the machine's zone.
    /// </summary>
    [Parameter(Mandatory = true, Position = 2, ValueFromPipelineByPropertyName = true)]
    [UtcTimeTransformation]
    [ArgumentCompleter(typeof(SinceCompleter))]
    public DateTime Since { get; set; }

    /// <summary>
    /// The part of each tenant's aggregates to replay, as <c>i/n</c>: with <c>3/8</c> the third of eight shards. Shards of
    /// one count may run at the same time, anywhere; together they are the whole.
    /// </summary>
    [Parameter(
        ValueFromPipelineByPropertyName = true,
        HelpMessage = "The part of each tenant's aggregates to replay, as i/n: with 3/8 the third of eight shards. "
            + "Shards of one count may run at the same time, anywhere; together they are the whole.")]
    public string? Shard { get; set; }

    /// <summary>
    /// The aggregates to replay, by their ids; all of them unless given. For debugging: a handful, each from its first
    /// event on.
    /// </summary>
    [Parameter(
        ValueFromPipelineByPropertyName = true,
        HelpMessage = "The aggregates to replay, by their ids; all of them unless given. For debugging: "
            + "a handful, each from its first event on.")]
    public string[]? AggregateId { get; set; }

    /// <summary>ClickHouse, as <c>http(s)://user:password@host:port/database</c>; else <c>CLICKHOUSE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? ClickHouseUrl { get; set; }

    /// <summary>Redis, as <c>redis(s)://user:password@host:port/number</c>; else <c>REDIS_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? RedisUrl { get; set; }

    /// <summary>Postgres, as <c>postgres://user:password@host:port/database</c>; else <c>DATABASE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? DatabaseUrl { get; set; }

    /// <summary>Events that ClickHouse sends at a time.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int BatchSize { get; set; } = 5_000;

    /// <summary>
    /// Aggregates that are held back, replayed and released together; as many as come to about 75,000 events when it
    /// is not given.
    /// </summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int AggregateBatchSize { get; set; }

    /// <summary>Streams of aggregates that are replayed at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    public int Concurrency { get; set; } = 10;

    /// <summary>How long to wait for jobs in flight, as a time span or in seconds.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Goes on where an interrupted run left off.</summary>
    [Parameter(ParameterSetName = "Resume")]
    public SwitchParameter Resume { get; set; }

    /// <summary>Forgets an interrupted run, and starts over.</summary>
    [Parameter(ParameterSetName = "Restart")]
    public SwitchParameter Restart { get; set; }

    /// <summary>
    /// Builds counters anew: deletes what is stored for the tenant, and counts every event once. Asks first.
    /// </summary>
    [Parameter(ParameterSetName = "Rebuild")]
    public SwitchParameter Rebuild { get; set; }

    /// <summary>
    /// Goes on where counters may become wrong: with <c>-Rebuild</c> what the event log no longer holds is lost for good; else
    /// what live handlers have counted may be counted twice.
    /// </summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The folder for the replay log; the current location unless given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? LogDirectory { get; set; }

    /// <summary>
    /// Assemblies with projections of your own, besides those of <c>PROJECTION_REPLAY_PATH</c>. A projection that comes
    /// from <c>Get-ReplayProjection -Path</c> brings its assembly along.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>
    /// The file with the prices of models, for <c>traceSummary</c>; else <c>PROJECTION_REPLAY_MODEL_PRICES</c>, else
    /// <c>.env</c>, else the file that comes with the module.
    /// </summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ModelPricePath { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // A plan of all aggregates comes by the pipeline without a shard or ids; on the command line that would be a variable
        // that is not set.
        if (MyInvocation.BoundParameters.ContainsKey(nameof(AggregateId))) AggregateId ??= [];
        if (!MyInvocation.BoundParameters.ContainsKey(nameof(Shard))) return;
        try
        {
            ReplayShard.Parse(Shard);
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, Shard));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var working = Projection.FirstOrDefault();
        try
        {
            var shard = string.IsNullOrEmpty(Shard) ? null : ReplayShard.Parse(Shard);
            var prices = new ModelPriceSettings(Locations.FindDirectory(this))
            {
                ModelPricePath = Locations.ResolveFile(this, ModelPricePath),
            };
            var lookup = ProjectionLookup.Load(this, Path, prices);
            var projections = Projection.Select(lookup.Find).ToArray();
            _session ??= CreateSession();
            foreach (var projection in projections)
            {
                working = projection.Definition.Name;
                foreach (var tenantId in TenantId)
                {
                    if (!_session.IsEnded) _session.Replay(projection, tenantId, Since, shard, AggregateId);
                }
            }
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, working));
        }
    }

    private ReplaySession CreateSession()
    {
        var isDryRun = DryRun.IsAskedFor(this);
        var options = new ReplayOptions
        {
            BatchSize = BatchSize,
            AggregateBatchSize = MyInvocation.BoundParameters.ContainsKey(nameof(AggregateBatchSize)) ? AggregateBatchSize : null,
            Concurrency = Concurrency,
            DrainTimeout = DrainTimeout,
            LogDirectory = isDryRun ? null : Locations.ResolveLogDirectory(this, LogDirectory),
        };
        var connections = new ReplayConnections(Locations.FindDirectory(this))
        {
            ClickHouseUrl = ClickHouseUrl,
            RedisUrl = RedisUrl,
            DatabaseUrl = DatabaseUrl,
        };
        return new ReplaySession(this, new ReplayEngine(connections), options, StopToken)
        {
            IsDryRun = isDryRun,
            IsRebuild = Rebuild,
            AllowsLoss = Force,
            PreviousRun = Resume ? PreviousRunAnswer.Resume : Restart ? PreviousRunAnswer.Restart : PreviousRunAnswer.Refuse,
        };
    }
}

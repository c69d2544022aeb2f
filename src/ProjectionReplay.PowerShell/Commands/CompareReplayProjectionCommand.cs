using System.Management.Automation;
using ProjectionReplay.Comparison;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Compare-ReplayProjection</c>: tells where stored rows are not what the events come to. Says whether a replay is
/// needed, and proves afterwards that it worked. Writes nothing anywhere.
/// </summary>
[Cmdlet(VerbsData.Compare, "ReplayProjection")]
[OutputType(typeof(ProjectionDifference))]
public sealed class CompareReplayProjectionCommand : StoppableCommand
{
    /// <summary>The projections, by name.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Projection { get; set; } = [];

    /// <summary>The tenants whose rows are compared.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[] TenantId { get; set; } = [];

    /// <summary>
    /// Only aggregates with an event since then are compared; all unless given. A date without a time zone is midnight
    /// UTC, whatever the machine's zone. Not for counters.
    /// </summary>
    [Parameter]
    [UtcTimeTransformation]
    public DateTime? Since { get; set; }

    /// <summary>The aggregates to compare, by their ids; all of them unless given. Not for counters.</summary>
    [Parameter]
    public string[]? AggregateId { get; set; }

    /// <summary>How many aggregates to compare, anywhere among all and the same each time. Not for counters.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? Sample { get; set; }

    /// <summary>ClickHouse, as <c>http(s)://user:password@host:port/database</c>; else <c>CLICKHOUSE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? ClickHouseUrl { get; set; }

    /// <summary>Postgres, as <c>postgres://user:password@host:port/database</c>; else <c>DATABASE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? DatabaseUrl { get; set; }

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
    protected override void ProcessRecord()
    {
        var working = Projection.FirstOrDefault();
        try
        {
            var prices = new ModelPriceSettings(Locations.FindDirectory(this))
            {
                ModelPricePath = Locations.ResolveFile(this, ModelPricePath),
            };
            var lookup = ProjectionLookup.Load(this, Path, prices);
            var comparison = new ProjectionComparison(
                new ReplayConnections(Locations.FindDirectory(this)) { ClickHouseUrl = ClickHouseUrl, DatabaseUrl = DatabaseUrl });
            foreach (var projection in Projection.Select(lookup.Find).ToArray())
            {
                working = projection.Definition.Name;
                foreach (var tenantId in TenantId) Compare(comparison, projection, tenantId);
            }
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, working));
        }
    }

    private void Compare(ProjectionComparison comparison, IFoldProjection projection, string tenantId)
    {
        var request = new ComparisonRequest
        {
            Projection = projection,
            TenantId = tenantId,
            Since = Since is { } since ? new DateTimeOffset(since) : null,

            // A variable that is not set must not mean all of them.
            AggregateIds = MyInvocation.BoundParameters.ContainsKey(nameof(AggregateId)) ? AggregateId ?? [] : null,
            SampleSize = Sample,
        };
        var messages = new ReplayMessages(most: 1024);
        var progress = new ProgressBars(
            CommandRuntime, Host, Strings.ProgressActivityComparison.With(projection.Definition.Name, tenantId));
        try
        {
            progress.ShowPreparation();
            new EnginePump(this, messages, progress, StopToken).Run(token => comparison.CompareAsync(request, messages, token));
        }
        finally
        {
            progress.Complete();
            messages.Complete();
        }
    }
}

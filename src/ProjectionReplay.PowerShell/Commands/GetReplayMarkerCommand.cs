using System.Management.Automation;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Markers;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Get-ReplayMarker</c>: shows what replays have in Redis for each projection and tenant: markers that make live
/// handlers hold events back, completed aggregates, and who is at work. Also for projections that no longer exist. Only
/// reads.
/// </summary>
[Cmdlet(VerbsCommon.Get, "ReplayMarker")]
[OutputType(typeof(ReplayMarkerSummary), typeof(ReplayMarker))]
public sealed class GetReplayMarkerCommand : StoppableCommand
{
    private readonly List<MarkerWish> _wanted = [];

    /// <summary>The projections, by name; wildcards allowed. All of them unless given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Projection { get; set; } = ["*"];

    /// <summary>The tenants; all of them unless given.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[]? TenantId { get; set; }

    /// <summary>Redis, as <c>redis(s)://user:password@host:port/number</c>; else <c>REDIS_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? RedisUrl { get; set; }

    /// <summary>Shows each marker instead of how many there are.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var patterns = Projection.Select(name => new WildcardPattern(name, WildcardOptions.IgnoreCase)).ToArray();
        _wanted.Add(new MarkerWish(name => patterns.Any(pattern => pattern.IsMatch(name)), TenantId));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_wanted.Count == 0) return;
        var messages = new ReplayMessages();
        try
        {
            // Looked for together: Redis is gone through once, however many projections come by the pipeline.
            var inspection = new MarkerInspection(new ReplayConnections(Locations.FindDirectory(this)) { RedisUrl = RedisUrl });
            new EnginePump(this, messages, progress: null, StopToken).Run(
                token => Detailed ? inspection.ListAsync(_wanted, messages, token) : inspection.SummariseAsync(_wanted, messages, token));
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, string.Join(", ", Projection)));
        }
    }
}

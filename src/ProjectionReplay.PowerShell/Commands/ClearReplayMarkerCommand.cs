using System.Management.Automation;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Markers;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Clear-ReplayMarker</c>: removes what interrupted runs left behind in Redis: markers that make live handlers hold
/// events back, and the record of what was completed. Also for projections that no longer exist. Refuses while a run
/// is at work on them.
/// </summary>
[Cmdlet(VerbsCommon.Clear, "ReplayMarker", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(ReplayMarkerRemoval))]
public sealed class ClearReplayMarkerCommand : StoppableCommand
{
    private readonly ReplayMessages _messages = new();

    /// <summary>The projections, by name; wildcards allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Projection { get; set; } = [];

    /// <summary>The tenants; all of them unless given.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TenantCompleter))]
    public string[]? TenantId { get; set; }

    /// <summary>Redis, as <c>redis(s)://user:password@host:port/number</c>; else <c>REDIS_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? RedisUrl { get; set; }

    /// <summary>
    /// Removes the markers even while a run is at work. Live handlers may then fold events that the run folds too, so
    /// that counters count them twice.
    /// </summary>
    [Parameter(
        HelpMessage = "Removes the markers even while a run is at work. Live handlers may then fold events that the run folds too, "
            + "so that counters count them twice.")]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        try
        {
            var cleanup = new MarkerCleanup(new ReplayConnections(Locations.FindDirectory(this)) { RedisUrl = RedisUrl });
            var patterns = Projection.Select(name => new WildcardPattern(name, WildcardOptions.IgnoreCase)).ToArray();
            foreach (var tenantId in TenantId ?? [null!])
            {
                var found = Wait(
                    token => cleanup.FindAsync(name => patterns.Any(pattern => pattern.IsMatch(name)), tenantId, _messages, token));
                foreach (var remains in found) Clear(cleanup, remains);
            }
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, string.Join(", ", Projection)));
        }
    }

    private void Clear(MarkerCleanup cleanup, MarkerRemains remains)
    {
        var target = remains.TenantId is null
            ? Strings.ClearTargetAllTenants.With(remains.Projection)
            : Strings.ReplayTarget.With(remains.Projection, remains.TenantId);
        if (remains.RunAtWork is not null && !Force && !DryRun.IsAskedFor(this)) throw MarkerCleanup.InProgress(remains);
        var action = remains.RunAtWork is null ? Strings.ActionClear
            : Force ? Strings.ActionClearAtWork
            : Strings.ActionClearRefused;
        Confirmation.RequirePerson(this, ConfirmImpact.High, target);
        if (!ShouldProcess(target, action.With(remains.Markers, remains.Completed, remains.RunAtWork))) return;

        if (Force && remains.RunAtWork is not null) WriteWarning(Strings.ClearedAtWork.With(remains.RunAtWork, remains.Projection));
        var removed = Wait(
            token => Force ? cleanup.ForceRemoveAsync(remains, _messages, token) : cleanup.RemoveAsync(remains, _messages, token));
        WriteObject(new ReplayMarkerRemoval(removed.Projection, removed.TenantId, removed.Markers, removed.Completed));
    }

    private T Wait<T>(Func<CancellationToken, Task<T>> work)
    {
        Task<T>? task = null;
        new EnginePump(this, _messages, progress: null, StopToken).Run(token => task = work(token));
        return task!.Result;
    }
}

/// <summary>What was removed for one projection and tenant.</summary>
/// <param name="Projection">The projection's name.</param>
/// <param name="TenantId">The tenant.</param>
/// <param name="MarkersRemoved">Markers removed: live handlers no longer hold back the events of those aggregates.</param>
/// <param name="CompletedRemoved">Completed aggregates forgotten: a later run replays them again.</param>
public sealed record ReplayMarkerRemoval(string Projection, string? TenantId, long MarkersRemoved, long CompletedRemoved);

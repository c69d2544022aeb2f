using System.Management.Automation;
using ProjectionReplay.Faults;

namespace ProjectionReplay.PowerShell;

/// <summary><c>Get-ReplayProjection</c>: lists the projections that can be replayed. Touches no server.</summary>
[Cmdlet(VerbsCommon.Get, "ReplayProjection")]
[OutputType(typeof(ProjectionInfo))]
public sealed class GetReplayProjectionCommand : PSCmdlet
{
    private ProjectionLookup? _lookup;

    /// <summary>The names wanted; wildcards allowed.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Projection")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    /// <summary>Assemblies with projections of your own, besides those of <c>PROJECTION_REPLAY_PATH</c>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        try
        {
            _lookup = ProjectionLookup.Load(this, Path);
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, Path));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var name in Name)
        {
            var pattern = new WildcardPattern(name, WildcardOptions.IgnoreCase);
            var matches = _lookup!.All.Where(info => pattern.IsMatch(info.Name)).ToArray();
            WriteObject(matches, enumerateCollection: true);
            if (matches.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name)) ReportMissing(name);
        }
    }

    private void ReportMissing(string name)
    {
        try
        {
            _lookup!.Find(name);
        }
        catch (ReplayException exception)
        {
            WriteError(ReplayErrors.ToRecord(exception, name));
        }
    }
}

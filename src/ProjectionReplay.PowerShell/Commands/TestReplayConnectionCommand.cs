using System.Management.Automation;
using ProjectionReplay.Configuration;
using ProjectionReplay.Diagnosis;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Test-ReplayConnection</c>: finds out whether replays could run: whether each server is there and has the tables,
/// columns, types and permissions that they need. Says what to do about what is wrong. Only reads.
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "ReplayConnection")]
[OutputType(typeof(ConnectionCheck))]
public sealed class TestReplayConnectionCommand : StoppableCommand
{
    private readonly Dictionary<string, IFoldProjection> _projections = new(StringComparer.Ordinal);

    /// <summary>The projections that are to be replayed, by name; wildcards allowed. All of them unless given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProjectionNameCompleter))]
    public string[] Projection { get; set; } = ["*"];

    /// <summary>A tenant, to find out as well whether it has events, and whether a replay of it is at work.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TenantId { get; set; }

    /// <summary>ClickHouse, as <c>http(s)://user:password@host:port/database</c>; else <c>CLICKHOUSE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? ClickHouseUrl { get; set; }

    /// <summary>Redis, as <c>redis(s)://user:password@host:port/number</c>; else <c>REDIS_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? RedisUrl { get; set; }

    /// <summary>Postgres, as <c>postgres://user:password@host:port/database</c>; else <c>DATABASE_URL</c>, else <c>.env</c>.</summary>
    [Parameter]
    public string? DatabaseUrl { get; set; }

    /// <summary>Assemblies with projections of your own, besides those of <c>PROJECTION_REPLAY_PATH</c>.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        try
        {
            var lookup = ProjectionLookup.Load(this, Path);
            foreach (var name in Projection) Choose(lookup, name);
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, Path));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_projections.Count == 0) return;
        var messages = new ReplayMessages();
        var connections = new ReplayConnections(Locations.FindDirectory(this))
        {
            ClickHouseUrl = ClickHouseUrl,
            RedisUrl = RedisUrl,
            DatabaseUrl = DatabaseUrl,
        };
        try
        {
            new EnginePump(this, messages, progress: null, StopToken).Run(
                token => new ConnectionDiagnosis(connections).RunAsync([.. _projections.Values], TenantId, messages, token));
        }
        catch (ReplayException exception)
        {
            ThrowTerminatingError(ReplayErrors.ToRecord(exception, string.Join(", ", _projections.Keys)));
        }
    }

    /// <summary>A misspelt name does not keep the others from being looked at.</summary>
    private void Choose(ProjectionLookup lookup, string name)
    {
        var pattern = new WildcardPattern(name, WildcardOptions.IgnoreCase);
        foreach (var info in lookup.All.Where(info => pattern.IsMatch(info.Name))) _projections[info.Name] = lookup.Find(info.Name);
        if (WildcardPattern.ContainsWildcardCharacters(name) || _projections.Keys.Any(pattern.IsMatch)) return;
        try
        {
            lookup.Find(name);
        }
        catch (ReplayException exception)
        {
            WriteError(ReplayErrors.ToRecord(exception, name));
        }
    }
}

using System.Collections.ObjectModel;
using System.Management.Automation;
using ProjectionReplay.Projections;
using ProjectionReplay.Replay;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// The projections that can be replayed: built in, from assemblies that <c>PROJECTION_REPLAY_PATH</c> lists, and from
/// assemblies given. Names are found whatever their case. Immutable.
/// </summary>
internal sealed class ProjectionLookup
{
    private const string PathVariable = "PROJECTION_REPLAY_PATH";

    private readonly ProjectionCatalog _catalog;

    private ProjectionLookup(ProjectionCatalog catalog)
    {
        _catalog = catalog;
        All = [.. catalog.Entries
            .Select(entry => ProjectionInfo.From(entry.Projection.Definition, entry.Source))
            .OrderBy(info => info.Name, StringComparer.Ordinal)];
    }

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<ProjectionInfo> All { get; }

    /// <summary>Loads them.</summary>
    /// <param name="cmdlet">Whose location relative paths start from.</param>
    /// <param name="paths">Assemblies as PowerShell paths; wildcards are expanded.</param>
    /// <exception cref="ReplayException">An assembly cannot be loaded.</exception>
    public static ProjectionLookup Load(PSCmdlet cmdlet, IEnumerable<string> paths) =>
        Load(paths.SelectMany(path => Expand(cmdlet, path)));

    /// <summary>Loads them from files.</summary>
    /// <exception cref="ReplayException">An assembly cannot be loaded.</exception>
    public static ProjectionLookup Load(IEnumerable<string> files)
    {
        var listed = Environment.GetEnvironmentVariable(PathVariable)?.Split(
            System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new(ProjectionCatalog.Load([.. (listed ?? []).Concat(files).Distinct(StringComparer.Ordinal)]));
    }

    /// <summary>Finds a projection by its name.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionNotFound"/>, listing the names there are.</exception>
    public IFoldProjection Find(string name)
    {
        var known = All.FirstOrDefault(info => info.Name == name)
            ?? All.FirstOrDefault(info => string.Equals(info.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw NotFound(name);
        return _catalog.Entries.First(entry => entry.Projection.Definition.Name == known.Name).Projection;
    }

    /// <summary>Says that there is no such projection, and which there are.</summary>
    public ReplayException NotFound(string name) => new(
        ReplayError.ProjectionNotFound,
        Strings.ProjectionNotFound.With(name, string.Join(", ", All.Select(info => info.Name))));

    private static Collection<string> Expand(PSCmdlet cmdlet, string path)
    {
        var files = cmdlet.SessionState.Path.GetResolvedProviderPathFromPSPath(path, out var provider);
        return provider.Name == "FileSystem" ? files : throw new ReplayException(
            ReplayError.ProjectionAssemblyInvalid,
            Strings.PathNotFileSystem.With(path, provider.Name));
    }
}

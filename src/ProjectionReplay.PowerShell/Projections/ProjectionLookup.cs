using System.Collections.ObjectModel;
using System.Management.Automation;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// The projections that can be replayed: built in, from assemblies that <c>PROJECTION_REPLAY_PATH</c> lists, and from
/// assemblies given. Immutable.
/// </summary>
internal sealed class ProjectionLookup
{
    private const string PathVariable = "PROJECTION_REPLAY_PATH";

    private readonly ProjectionCatalog _catalog;

    private ProjectionLookup(ProjectionCatalog catalog)
    {
        _catalog = catalog;
        All = [.. catalog.Entries.Select(entry => ProjectionInfo.From(entry.Definition, entry.Source))];
    }

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<ProjectionInfo> All { get; }

    /// <summary>Loads them.</summary>
    /// <param name="cmdlet">Whose location relative paths start from.</param>
    /// <param name="paths">Assemblies as PowerShell paths; wildcards are expanded.</param>
    /// <param name="prices">Where the prices of models come from; the product's own when null.</param>
    /// <exception cref="ReplayException">An assembly cannot be loaded.</exception>
    public static ProjectionLookup Load(PSCmdlet cmdlet, IEnumerable<string> paths, ModelPriceSettings? prices = null) =>
        Load(paths.Where(path => path != ProjectionInfo.BuiltIn).SelectMany(path => Expand(cmdlet, path)), prices);

    /// <summary>Loads them from files.</summary>
    /// <exception cref="ReplayException">An assembly cannot be loaded.</exception>
    public static ProjectionLookup Load(IEnumerable<string> files, ModelPriceSettings? prices = null)
    {
        var listed = Environment.GetEnvironmentVariable(PathVariable)?.Split(
            System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new(ProjectionCatalog.Load((listed ?? []).Concat(files), prices));
    }

    /// <summary>Finds a projection by its name, whatever its case, as is PowerShell's way.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionNotFound"/>, listing the names there are.</exception>
    public IFoldProjection Find(string name)
    {
        var known = _catalog.Entries.FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase));
        return (known ?? _catalog.Get(name)).Projection;
    }

    private static Collection<string> Expand(PSCmdlet cmdlet, string path)
    {
        // A file that is called so, as a projection's source is, may hold brackets that mean themselves.
        var literal = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var literalProvider, out _);
        if (literalProvider.Name == "FileSystem" && File.Exists(literal)) return [literal];
        var files = cmdlet.SessionState.Path.GetResolvedProviderPathFromPSPath(path, out var provider);
        return provider.Name == "FileSystem" ? files : throw new ReplayException(
            ReplayError.ProjectionAssemblyInvalid,
            Strings.PathNotFileSystem.With(path, provider.Name));
    }
}

using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Projections.ExperimentRunState;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Projections.TenantDailyEventStats;
using ProjectionReplay.Projections.TraceSummary;
using ProjectionReplay.Projections.TraceSummary.Prices;

namespace ProjectionReplay.Projections;

/// <summary>The projections that can be replayed, by name. Immutable and safe for concurrent use.</summary>
public sealed class ProjectionCatalog
{
    private const string BuiltInSource = "built-in";

    private readonly Dictionary<string, CatalogEntry> _byName = new(StringComparer.OrdinalIgnoreCase);

    private ProjectionCatalog(IEnumerable<CatalogEntry> entries)
    {
        foreach (var entry in entries)
        {
            DefinitionRules.Check(entry);

            // Names that differ in case alone are as good as the same to whoever has to type them.
            if (_byName.TryAdd(entry.Name, entry)) continue;
            var other = _byName[entry.Name];
            throw new ReplayException(
                ReplayError.ProjectionAssemblyInvalid,
                $"Projection '{entry.Name}' of {entry.Source} has the name of projection '{other.Name}' of {other.Source}. "
                    + "Rename one of them, or leave one of the assemblies out.");
        }

        Entries = [.. _byName.Values.OrderBy(entry => entry.Name, StringComparer.Ordinal)];
    }

    /// <summary>The projections that come with the product, with its own prices of models.</summary>
    public static ProjectionCatalog BuiltIn { get; } = new(BuiltInEntries(new ModelPriceSettings(directory: null, _ => null)));

    /// <summary>All projections, in the order of their names.</summary>
    public IReadOnlyList<CatalogEntry> Entries { get; }

    /// <summary>The built-in projections and those of some assemblies.</summary>
    /// <param name="assemblyPaths">
    /// The assemblies; a relative path starts at the process's current directory. Each public class that derives from
    /// <see cref="FoldProjection{TState}"/> and has a public constructor without parameters is a projection. An
    /// assembly stays loaded until the process ends.
    /// </param>
    /// <param name="prices">
    /// Where <c>traceSummary</c> finds the prices of models, read when it is replayed; those of the product when null.
    /// </param>
    /// <exception cref="ReplayException">
    /// <see cref="ReplayError.ProjectionAssemblyInvalid"/>: an assembly cannot be loaded or holds no projection, a
    /// definition breaks a rule, or two projections share a name.
    /// </exception>
    public static ProjectionCatalog Load(IEnumerable<string> assemblyPaths, ModelPriceSettings? prices = null)
    {
        var paths = assemblyPaths.Select(ProjectionAssembly.FullPath).Distinct(StringComparer.Ordinal);
        return new ProjectionCatalog([
            .. prices is null ? BuiltIn.Entries : BuiltInEntries(prices),
            .. paths.SelectMany(path => ProjectionAssembly.Load(path).Select(projection => new CatalogEntry(projection, path))),
        ]);
    }

    /// <summary>Looks a projection up by its exact name.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionNotFound"/>: it lists the names there are.</exception>
    public CatalogEntry Get(string name)
    {
        if (_byName.TryGetValue(name, out var entry) && string.Equals(entry.Name, name, StringComparison.Ordinal)) return entry;

        var nearest = SimilarName.Find(name, Entries.Select(known => known.Name));
        throw new ReplayException(
            ReplayError.ProjectionNotFound,
            $"There is no projection '{name}'.{(nearest is null ? "" : $" Did you mean '{nearest}'?")} "
                + $"Available: {string.Join(", ", Entries.Select(known => known.Name))}.");
    }

    /// <summary>A catalog of the built-in projections and some more.</summary>
    internal static ProjectionCatalog With(IEnumerable<CatalogEntry> entries) => new([.. BuiltIn.Entries, .. entries]);

    private static IEnumerable<CatalogEntry> BuiltInEntries(ModelPriceSettings prices) =>
        from projection in new IFoldProjection[]
        {
            new EvaluationStateProjection(),
            new ExperimentRunStateProjection(),
            TenantDailyBillableEventsProjection.ForTenants(),
            TenantDailyBillableEventsProjection.ForProjects(),
            TenantDailyEventStatsProjection.ForTenants(),
            TenantDailyEventStatsProjection.ForProjects(),
            new TraceSummaryProjection(new Lazy<ModelPrices>(prices.Read)),
        }
        select new CatalogEntry(projection, BuiltInSource);
}

namespace ProjectionReplay.Projections;

internal sealed record CatalogEntry(IFoldProjection Projection, string Source)
{
    public ProjectionDefinition Definition => Projection.Definition;
    public string Name => Definition.Name;
}

internal sealed class ProjectionCatalog
{
    public IReadOnlyList<CatalogEntry> Entries { get; } =
    [
        new((IFoldProjection)Activator.CreateInstance(typeof(IFoldProjection).Assembly.GetType("ProjectionReplay.Projections.EvaluationState.EvaluationStateProjection")!)!, "built-in"),
        new((IFoldProjection)Activator.CreateInstance(typeof(IFoldProjection).Assembly.GetType("ProjectionReplay.Projections.ExperimentRunState.ExperimentRunStateProjection")!)!, "built-in"),
    ];

    public static ProjectionCatalog Load(IEnumerable<string> paths) => new();

    public CatalogEntry Get(string name) => throw new Replay.ReplayException(Replay.ReplayError.ProjectionNotFound, $"There is no projection '{name}'. Available: {string.Join(", ", Entries.Select(e => e.Name))}");
}

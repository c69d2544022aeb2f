namespace ProjectionReplay.Projections;

internal sealed record CatalogEntry(IFoldProjection Projection, string? Source);

internal sealed class ProjectionCatalog
{
    public IReadOnlyList<CatalogEntry> Entries { get; } = [];

    public static ProjectionCatalog Load(IReadOnlyList<string> paths) => new();
}

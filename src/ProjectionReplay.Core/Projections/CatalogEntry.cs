namespace ProjectionReplay.Projections;

/// <summary>A projection that can be replayed, and where it comes from.</summary>
/// <param name="Projection">The projection.</param>
/// <param name="Source"><c>built-in</c>, or the full path of the assembly that it was loaded from.</param>
public sealed record CatalogEntry(IFoldProjection Projection, string Source)
{
    /// <summary>What the projection is called, which events it folds, and where its states go.</summary>
    public ProjectionDefinition Definition => Projection.Definition;

    /// <summary>The projection's name, by which it is looked up.</summary>
    public string Name => Definition.Name;
}

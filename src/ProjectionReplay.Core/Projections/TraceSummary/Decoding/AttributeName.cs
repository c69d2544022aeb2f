namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>The name of an attribute that something asks for. One instance for each name; see <see cref="AttributeNames"/>.</summary>
internal sealed class AttributeName(ushort index, string text)
{
    /// <summary>Stands for the name in an <see cref="AttributeTable"/>.</summary>
    public ushort Index => index;

    /// <summary>The name itself.</summary>
    public override string ToString() => text;
}

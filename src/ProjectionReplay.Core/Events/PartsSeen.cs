namespace ProjectionReplay.Events;

/// <summary>
/// The parts of the table that the rows of one query came from. ClickHouse never changes a part, and a query reads all that
/// there are when it starts: so what came to the log since stands in another. Not thread-safe.
/// </summary>
internal sealed class PartsSeen
{
    /// <summary>More than these are not worth naming in a query; a table with so many is in trouble already.</summary>
    private const int Most = 1_000;

    /// <summary>Rows of many parts arrive interleaved: most are of one that is known.</summary>
    private readonly ulong[] _recent = new ulong[256];
    private readonly HashSet<ulong> _all = [];
    private IReadOnlyList<ulong>? _list;

    /// <summary>Notes the part of a row.</summary>
    public void Add(ulong part)
    {
        ref var recent = ref _recent[part % 256];
        if (recent == part) return;
        recent = part;
        if (_all.Add(part)) _list = null;
    }

    /// <summary>Those seen by now, which later ones do not change; null when they are too many.</summary>
    public IReadOnlyList<ulong>? ToList() => _all.Count > Most ? null : _list ??= [.. _all];
}

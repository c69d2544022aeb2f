using System.Runtime.InteropServices;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Stores;

/// <summary>Told of a row.</summary>
/// <param name="owner">Whose it is.</param>
/// <param name="row">Its values; only for the duration of the call.</param>
internal delegate void PlacedRowVisitor(RowOwner owner, ReadOnlySpan<byte> row);

/// <summary>The aggregate that a row is of.</summary>
/// <param name="Aggregate">Its hash.</param>
/// <param name="Id">The hash of its id alone.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RowOwner(ulong Aggregate, ulong Id);

/// <summary>Rows one behind the other, as RowBinary, and which aggregate each is of. Not thread-safe.</summary>
internal sealed class PlacedRows : IDisposable
{
    /// <summary>A list of thousands is garbage that lives long: a later batch uses it again.</summary>
    private static readonly WeakPool<List<Place>> s_idle = new();

    private List<Place> _places = s_idle.TryTake(out var places) ? places : [];
    private RowBinaryWriter _writer = new();

    /// <summary>The hashes of the rows' aggregates, in the order of the rows.</summary>
    public IEnumerable<ulong> Aggregates => _places.Select(place => place.Owner.Aggregate);

    /// <summary>Begins a row, whose values the caller writes.</summary>
    /// <param name="owner">Whose it is.</param>
    public RowBinaryWriter Begin(RowOwner owner)
    {
        _places.Add(new Place(owner, _writer.WrittenCount));
        return _writer;
    }

    /// <summary>Visits the rows in their order.</summary>
    public void Visit(PlacedRowVisitor visit)
    {
        var (segment, buffer) = (default(WrittenSegment), Array.Empty<byte>());
        for (var i = 0; i < _places.Count; i++)
        {
            var end = i + 1 < _places.Count ? _places[i + 1].Start : _writer.WrittenCount;
            visit(_places[i].Owner, _writer.Read(_places[i].Start, (int)(end - _places[i].Start), ref segment, ref buffer));
        }
    }

    /// <summary>Takes out the rows of some aggregates.</summary>
    public void Remove(IReadOnlySet<ulong> aggregates)
    {
        if (!_places.Exists(place => aggregates.Contains(place.Owner.Aggregate))) return;
        var left = new PlacedRows();
        Visit((owner, row) =>
        {
            if (!aggregates.Contains(owner.Aggregate)) left.Begin(owner).WriteBytes(row);
        });
        _writer.Dispose();
        Return(_places);
        (_places, _writer) = (left._places, left._writer);
    }

    /// <summary>Sends the rows. May be repeated.</summary>
    public Task WriteToAsync(Stream destination, CancellationToken cancellationToken) =>
        _writer.WriteToAsync(destination, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        Return(_places);
        _places = [];
        _writer.Dispose();
    }

    private static void Return(List<Place> places)
    {
        if (places.Capacity == 0) return;
        places.Clear();
        s_idle.Give(places);
    }

    /// <summary>Where a row begins. It ends where the next one does.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Place(RowOwner Owner, long Start);
}

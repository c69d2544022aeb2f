using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;

namespace ProjectionReplay.Planning;

/// <summary>
/// Aggregates that stand together in the event log and are replayed together. Only where they begin and end is kept,
/// so that a plan of a hundred million events takes little memory: a batch finds its aggregates when its turn comes.
/// </summary>
/// <param name="Ranges">One range for each aggregate type, in key order.</param>
/// <param name="AggregateCount">The aggregates at the time of planning.</param>
/// <param name="EventCount">Their events at that time; one that stands twice in the log counts twice.</param>
/// <param name="Members">
/// Hashes of the aggregates at the time of planning, sorted, where none that is born later may be replayed; else null, and
/// whatever a range holds by then is.
/// </param>
internal sealed record PlannedBatch(IReadOnlyList<AggregateRange> Ranges, int AggregateCount, long EventCount, ulong[]? Members)
{
    /// <summary>Whether an aggregate of the ranges is to be replayed.</summary>
    public bool Includes(string aggregateType, ReadOnlySpan<byte> aggregateId) =>
        Members is null || Array.BinarySearch(Members, AggregateHash.Of(aggregateType, aggregateId)) >= 0;

    /// <summary>Lists the aggregates of the ranges that are to be replayed, in key order.</summary>
    public async Task<List<BatchAggregate>> ListAsync(
        ClickHouseEventLog log, EventSelection selection, CancellationToken cancellationToken)
    {
        var listed = new List<BatchAggregate>(AggregateCount);
        var keys = new ByteBlocks();
        foreach (var range in Ranges)
        {
            var before = listed.Count;
            var prefix = new AggregateKeyPrefix(selection.TenantId, range.AggregateType);
            await log.Retries.CallAsync(
                "Listing aggregates",
                async token =>
                {
                    listed.RemoveRange(before, listed.Count - before);
                    var isAtLast = false;
                    var lastId = Encoding.UTF8.GetBytes(range.LastId);
                    await log.Aggregates.DiscoverAsync(
                        selection,
                        range,
                        (type, id, rowCount) =>
                        {
                            isAtLast = id.SequenceEqual(lastId);
                            if (!Includes(type, id)) return;
                            var aggregate = new BatchAggregate();
                            aggregate.Start(prefix, id, rowCount, keys);
                            listed.Add(aggregate);
                        },
                        token).ConfigureAwait(false);
                    if (!isAtLast) await EnsureGoneAsync(log, selection, range, token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
        }

        return listed;
    }

    /// <summary>A list that does not come to the last aggregate of the range is whole only if that is not in the log any more.</summary>
    private static async Task EnsureGoneAsync(
        ClickHouseEventLog log, EventSelection selection, AggregateRange range, CancellationToken cancellationToken)
    {
        var last = selection with { AggregateIds = [range.LastId], AggregateTypes = [range.AggregateType] };
        if (await log.FindLastAsync(last, cancellationToken).ConfigureAwait(false) is null) return;
        throw AnswerIncompleteException.EndsEarly($"it does not come to aggregate '{range.LastId}' of type '{range.AggregateType}'");
    }
}

/// <summary>Cuts aggregates, which come in key order, into batches. Not thread-safe.</summary>
/// <param name="aggregatesPerBatch">Aggregates of each batch, or null to go by the events.</param>
/// <param name="isExact">Whether aggregates born later are left out: see <see cref="PlannedBatch.Members"/>.</param>
internal sealed class BatchPlanner(int? aggregatesPerBatch, bool isExact)
{
    /// <summary>
    /// Where a batch is full unless its size is given: large enough that what a batch costs the servers does not count, small
    /// enough that live events wait a second or two, and that a short run has as many batches in hand as a long one.
    /// </summary>
    private const long EventsPerBatch = 75_000;

    /// <summary>Markers, drain and ledger go by the aggregate: no more of them than that, however few events each has.</summary>
    private const long AggregatesPerBatch = EventsPerBatch / 3;

    private readonly List<PlannedBatch> _batches = [];

    // Where the range in hand ends so far: made a string of when the range does.
    private byte[] _lastId = new byte[256];
    private int _lastIdLength;
    private List<AggregateRange> _ranges = [];
    private List<ulong> _members = [];
    private int _aggregatesInBatch;
    private long _eventsInBatch;

    /// <summary>The batches, once <see cref="Finish"/> was called.</summary>
    public IReadOnlyList<PlannedBatch> Batches => _batches;

    /// <summary>Aggregates so far.</summary>
    public int AggregateCount { get; private set; }

    /// <summary>Their events so far; one that stands twice in the log counts twice.</summary>
    public long EventCount { get; private set; }

    /// <summary>Takes the next aggregate.</summary>
    public void Add(string aggregateType, ReadOnlySpan<byte> aggregateId, long events)
    {
        if (_aggregatesInBatch > 0 && IsFull(events)) Cut();
        if (_ranges.Count == 0 || _ranges[^1].AggregateType != aggregateType)
        {
            EndRange();
            _ranges.Add(new AggregateRange(aggregateType, Encoding.UTF8.GetString(aggregateId), ""));
        }

        if (aggregateId.Length > _lastId.Length) _lastId = new byte[aggregateId.Length * 2];
        aggregateId.CopyTo(_lastId);
        _lastIdLength = aggregateId.Length;
        if (isExact) _members.Add(AggregateHash.Of(aggregateType, aggregateId));
        _aggregatesInBatch++;
        _eventsInBatch += events;
        AggregateCount++;
        EventCount += events;
    }

    /// <summary>Ends the last batch.</summary>
    public void Finish()
    {
        if (_aggregatesInBatch > 0) Cut();
    }

    private bool IsFull(long nextEvents) => aggregatesPerBatch is { } size
        ? _aggregatesInBatch >= size
        : _eventsInBatch + nextEvents > EventsPerBatch || _aggregatesInBatch >= AggregatesPerBatch;

    private void EndRange()
    {
        if (_ranges.Count > 0) _ranges[^1] = _ranges[^1] with { LastId = Encoding.UTF8.GetString(_lastId, 0, _lastIdLength) };
    }

    private void Cut()
    {
        EndRange();
        _batches.Add(new PlannedBatch(_ranges, _aggregatesInBatch, _eventsInBatch, isExact ? [.. _members.Order()] : null));
        (_ranges, _members, _aggregatesInBatch, _eventsInBatch) = ([], [], 0, 0);
    }
}

using ProjectionReplay.Planning;

namespace ProjectionReplay.Cycle;

/// <summary>Where a batch stands: what it is read with, or null when its aggregates have to be looked up first.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="Ahead">What reads it and its neighbours.</param>
/// <param name="Index">Which of the batches that are read together it is, counted from 0.</param>
internal readonly record struct BatchPlace(PlannedBatch Batch, ReadAhead? Ahead, int Index);

/// <summary>
/// The planned batches in the order in which they are replayed. Where several are read at once, each reader has a stretch
/// of the log to itself, and they take turns.
/// </summary>
internal sealed class BatchSequence : IAsyncDisposable
{
    private readonly List<ReadAhead> _readers = [];

    /// <summary>Puts the batches of a plan into order.</summary>
    /// <param name="context">What the batches share.</param>
    /// <param name="plan">The batches, in key order.</param>
    public BatchSequence(BatchContext context, IReadOnlyList<PlannedBatch> plan)
    {
        if (!context.ReadsAhead)
        {
            Places = [.. plan.Select(batch => new BatchPlace(batch, null, 0))];
            return;
        }

        LoadsAtOnce = ReadersFor(context.Options.Concurrency, plan.Count);
        var stretches = new List<PlannedBatch[]>();
        for (var reader = 0; reader < LoadsAtOnce; reader++)
        {
            var (first, end) = (plan.Count * reader / LoadsAtOnce, plan.Count * (reader + 1) / LoadsAtOnce);
            PlannedBatch[] stretch = [.. plan.Skip(first).Take(end - first)];
            stretches.Add(stretch);
            _readers.Add(new ReadAhead(context.Selection, context.Reading, stretch));
        }

        var places = new List<BatchPlace>(plan.Count);
        for (var index = 0; places.Count < plan.Count; index++)
        {
            for (var reader = 0; reader < LoadsAtOnce; reader++)
            {
                if (index < stretches[reader].Length) places.Add(new BatchPlace(stretches[reader][index], _readers[reader], index));
            }
        }

        Places = places;
    }

    /// <summary>The batches in their order.</summary>
    public IReadOnlyList<BatchPlace> Places { get; }

    /// <summary>How many batches are read at once.</summary>
    public int LoadsAtOnce { get; } = 1;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var reader in _readers) await reader.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A reader keeps a processor busy, and ClickHouse needs as much for it where it is on the same machine.</summary>
    private static int ReadersFor(int concurrency, int batches) =>
        Math.Clamp(Math.Min(concurrency, Environment.ProcessorCount / 2), 1, Math.Max(batches, 1));
}

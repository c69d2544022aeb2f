namespace ProjectionReplay.Stores;

/// <summary>A store that knows what it holds of the aggregates whose states are about to be stored.</summary>
internal interface IStoredHistory<TState>
    where TState : class
{
    /// <summary>The column by which the latest row wins, where a replay writes it; else null.</summary>
    string? VersionColumn { get; }

    /// <summary>Why stored rows that know more than the event log cannot be told from others, as a sentence; null when they can.</summary>
    string? Limit { get; }

    /// <summary>
    /// Takes those states out of some buffers whose stored row knows of first events that the event log has no longer: they would
    /// blank what nobody can give back.
    /// </summary>
    /// <returns>The hashes of their aggregates.</returns>
    Task<IReadOnlySet<ulong>> SetAsideAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken);

    /// <summary>How many of the states come to nothing when they are stored, as the row that is there is of a later version.</summary>
    Task<int> CountOverruledAsync(IReadOnlyList<IStateBuffer<TState>> buffers, CancellationToken cancellationToken);
}

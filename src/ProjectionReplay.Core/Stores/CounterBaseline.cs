namespace ProjectionReplay.Stores;

/// <summary>What a tenant's counters held at one moment. Not thread-safe.</summary>
/// <param name="tenantId">The tenant.</param>
/// <param name="counts">The count of each row, by the row's id.</param>
public sealed class CounterBaseline(string tenantId, IReadOnlyDictionary<string, long> counts)
{
    /// <summary>The tenant.</summary>
    public string TenantId => tenantId;

    /// <summary>The count of each row, by the row's id.</summary>
    public IReadOnlyDictionary<string, long> Counts => counts;

    /// <summary>
    /// The transaction that took the counts away, as far as its outcome is not known: a lost answer must not make it happen
    /// twice.
    /// </summary>
    internal string? Transaction { get; set; }
}

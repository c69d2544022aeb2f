namespace ProjectionReplay.Events;

/// <summary>
/// The identity of an aggregate: one stream of events. An aggregate id is unique only within its tenant and type.
/// </summary>
/// <param name="TenantId">The tenant that owns the aggregate.</param>
/// <param name="AggregateType">For example <c>evaluation</c> or <c>trace</c>.</param>
/// <param name="AggregateId">The id within tenant and type.</param>
public readonly record struct AggregateKey(string TenantId, string AggregateType, string AggregateId)
{
    /// <summary>
    /// The key string <c>{tenantId}:{aggregateType}:{aggregateId}</c>: the field in the marker hash, the member of
    /// the completed set and the group of the live system's queue. A wire contract.
    /// </summary>
    public override string ToString() => string.Concat(TenantId, ":", AggregateType, ":") + AggregateId;
}

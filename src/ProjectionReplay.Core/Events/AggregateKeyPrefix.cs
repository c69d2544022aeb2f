using System.Text;

namespace ProjectionReplay.Events;

/// <summary>What the key strings of a tenant's aggregates of one type have in common. Immutable.</summary>
/// <param name="tenantId">The tenant.</param>
/// <param name="aggregateType">The type.</param>
internal sealed class AggregateKeyPrefix(string tenantId, string aggregateType)
{
    private readonly byte[] _utf8 = Encoding.UTF8.GetBytes(new AggregateKey(tenantId, aggregateType, "").ToString());

    public string AggregateType => aggregateType;

    /// <summary>What stands before the aggregate id, UTF-8.</summary>
    public ReadOnlySpan<byte> Utf8 => _utf8;

    public AggregateKey Key(ReadOnlySpan<byte> aggregateId) => new(tenantId, aggregateType, Encoding.UTF8.GetString(aggregateId));
}

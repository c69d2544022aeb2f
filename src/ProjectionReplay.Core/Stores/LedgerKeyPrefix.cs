using ProjectionReplay.Events;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Stores;

/// <summary>
/// What the aggregates of one tenant and type are called in the ledger: their key strings, but for the colons of tenant
/// and type, which are percent-encoded. Two aggregates may have one key string, as trace <c>trace:b</c> of tenant
/// <c>a</c> and trace <c>b</c> of tenant <c>a:trace</c> do, and would share a row: the second would never be counted, and
/// a rebuild of one would forget the other. With the first two colons known, the rest is the id, whatever it holds. A
/// tenant or type without a colon, as nearly all are, is called what it always was.
/// </summary>
/// <param name="aggregate">Any aggregate of theirs.</param>
internal sealed class LedgerKeyPrefix(AggregateKey aggregate)
{
    private readonly string _prefix = new AggregateKey(
        Encode(aggregate.TenantId), Encode(aggregate.AggregateType), AggregateId: "").ToString();

    /// <summary>What the names of all aggregates of a tenant begin with.</summary>
    public static string OfTenant(string tenantId) => Encode(tenantId) + ":";

    /// <summary>The names of aggregates, in their order.</summary>
    public static string[] KeysOf(IEnumerable<AggregateKey> aggregates)
    {
        LedgerKeyPrefix? prefix = null;
        return [.. aggregates.Select(aggregate =>
        {
            if (prefix?.IsOf(aggregate) is not true) prefix = new LedgerKeyPrefix(aggregate);
            return prefix.KeyOf(aggregate);
        })];
    }

    /// <summary>Whether an aggregate has this prefix.</summary>
    public bool IsOf(AggregateKey other) => other.TenantId == aggregate.TenantId && other.AggregateType == aggregate.AggregateType;

    /// <summary>The name of an aggregate that has this prefix.</summary>
    /// <exception cref="ReplayException">
    /// <see cref="ReplayError.StateNotStorable"/>: Postgres text has no NUL, and would refuse the whole batch without naming the
    /// one at fault.
    /// </exception>
    public string KeyOf(AggregateKey other)
    {
        var key = _prefix + other.AggregateId;
        return key.Contains('\0', StringComparison.Ordinal)
            ? throw new ReplayException(
                ReplayError.StateNotStorable,
                $"The aggregate '{other.ToString().Replace("\0", "\\0", StringComparison.Ordinal)}' cannot be counted: "
                    + "its id holds a NUL character, shown as \\0, which Postgres has no room for. "
                    + "Remove its events from the event log, then replay again.")
            : key;
    }

    private static string Encode(string part) =>
        part.Replace("%", "%25", StringComparison.Ordinal).Replace(":", "%3A", StringComparison.Ordinal);
}

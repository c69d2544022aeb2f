namespace ProjectionReplay.Stores;

/// <summary>A Postgres counter table: a row for each projection key, with a count that replays and live events add to.</summary>
/// <typeparam name="TState">The projection's state: a count for one key.</typeparam>
/// <param name="Name">The table's name, unquoted and case-sensitive.</param>
/// <param name="KeyColumns">
/// The text columns that make the key readable, beside <c>id</c> which holds the projection key itself, with how to
/// get each from a state. They are written when the row is first made. The first one names the tenant.
/// </param>
/// <param name="Count">How many events the state counted.</param>
/// <param name="LastEventTimestamp">The timestamp of the last event counted, ms since 1970 UTC.</param>
public sealed record CounterTable<TState>(
    string Name,
    IReadOnlyList<CounterKeyColumn<TState>> KeyColumns,
    Func<TState, int> Count,
    Func<TState, long> LastEventTimestamp)
    where TState : class
{
    /// <summary>The column that names the tenant, unquoted.</summary>
    public string TenantColumn => KeyColumns[0].Name;
}

/// <summary>One text column of a counter table's readable key.</summary>
/// <param name="Name">The column's name, unquoted and case-sensitive.</param>
/// <param name="Value">Its value for a state.</param>
public sealed record CounterKeyColumn<TState>(string Name, Func<TState, string> Value)
    where TState : class;

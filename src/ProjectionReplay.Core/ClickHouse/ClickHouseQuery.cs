namespace ProjectionReplay.ClickHouse;

/// <summary>A query, and how it is asked.</summary>
/// <param name="Sql">A SELECT without SETTINGS and FORMAT; values are bound as <c>{name:Type}</c>.</param>
/// <param name="Parameters">The values, each with its ClickHouse type.</param>
internal sealed record ClickHouseQuery(string Sql, IReadOnlyList<ClickHouseParameter> Parameters)
{
    /// <summary>Settings, as SQL, that make it fast, and no difference to its answer: a user may not be allowed to send them.</summary>
    public string? Hints { get; init; }

    /// <summary>Rows that the server sends at a time, or null for its own choice.</summary>
    public int? MaxBlockRows { get; init; }

    /// <summary>
    /// Whether the answer is so short that the server may keep it until it is done, so that it comes whole or not at all.
    /// </summary>
    public bool IsShort { get; init; }
}

/// <summary>A value bound to a query.</summary>
/// <param name="Name">The name in <c>{name:Type}</c>.</param>
/// <param name="Type">The ClickHouse type.</param>
/// <param name="Value">The value.</param>
public readonly record struct ClickHouseParameter(string Name, string Type, object Value);

namespace ProjectionReplay.Sandbox.ClickHouse.Sql;

/// <summary>Writes values into SQL where ClickHouse takes no bound parameter: SET, USE and KILL.</summary>
internal static class SqlText
{
    /// <summary>A string literal.</summary>
    public static string Quote(string value) => $"'{Escape(value).Replace("'", "\\'", StringComparison.Ordinal)}'";

    /// <summary>A quoted identifier.</summary>
    public static string Identifier(string name) => $"`{Escape(name).Replace("`", "\\`", StringComparison.Ordinal)}`";

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal);
}

using Npgsql;
using NpgsqlTypes;

namespace ProjectionReplay.Postgres;

/// <summary>The little that every Postgres statement here has in common.</summary>
internal static class Sql
{
    /// <summary>An identifier, quoted.</summary>
    public static string Quote(string identifier) => "\"" + identifier.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    /// <summary>A positional text parameter.</summary>
    public static NpgsqlParameter Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, Value = value };

    /// <summary>A positional array parameter.</summary>
    public static NpgsqlParameter Array<T>(NpgsqlDbType elementType, T[] values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | elementType, Value = values };
}

using System.Runtime.CompilerServices;
using Npgsql;
using ProjectionReplay.Configuration;

namespace ProjectionReplay.Postgres;

/// <summary>Opens Postgres, and knows the schema that each source was opened for.</summary>
internal static class PostgresSource
{
    // By the source, as stores are given that alone. A search path would say the same, but poolers refuse it.
    private static readonly ConditionalWeakTable<NpgsqlDataSource, string> Schemas = [];

    /// <summary>Opens the database of a URL: of several hosts the one that may be written to.</summary>
    /// <param name="source">The URL.</param>
    /// <param name="adjust">Changes the settings.</param>
    public static NpgsqlDataSource Open(ConnectionUrl source, Action<NpgsqlConnectionStringBuilder>? adjust = null)
    {
        var settings = new NpgsqlConnectionStringBuilder(ServerSettings.Postgres(source).ConnectionString);
        adjust?.Invoke(settings);
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        var opened = settings.Host?.Contains(',', StringComparison.Ordinal) == true
            ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.ReadWrite)
            : builder.Build();

        // A list is a search path, and names no schema.
        if (ServerSettings.PostgresSchema(source) is { } schema && !schema.Contains(',', StringComparison.Ordinal))
        {
            Schemas.Add(opened, schema.StartsWith('"') ? schema : Sql.Quote(schema));
        }

        return opened;
    }

    /// <summary>A table's name, quoted, with its schema where the URL names one.</summary>
    public static string Quote(NpgsqlDataSource source, string table) =>
        SchemaOf(source) is { } schema ? $"{schema}.{Sql.Quote(table)}" : Sql.Quote(table);

    /// <summary>The schema that the URL names, quoted; null when it names none.</summary>
    public static string? SchemaOf(NpgsqlDataSource source) => Schemas.TryGetValue(source, out var schema) ? schema : null;
}

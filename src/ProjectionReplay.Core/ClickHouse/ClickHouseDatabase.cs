using System.Text;
using ClickHouse.Driver;
using ClickHouse.Driver.ADO;
using ClickHouse.Driver.ADO.Parameters;
using ProjectionReplay.Replay;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// One ClickHouse database over HTTP: bound queries whose rows are read as RowBinary, and streamed inserts.
/// Safe for concurrent use.
/// </summary>
public sealed class ClickHouseDatabase : IDisposable
{
    private readonly ClickHouseClient _client;

    /// <summary>Opens the database that the settings name. Connects on first use.</summary>
    public ClickHouseDatabase(ClickHouseClientSettings settings) => _client = new ClickHouseClient(settings);

    /// <summary>Runs a query and hands over its answer, to be read row by row as it arrives.</summary>
    /// <param name="sql">A SELECT without FORMAT; values are bound as <c>{name:Type}</c>.</param>
    /// <param name="parameters">The values, each with its ClickHouse type.</param>
    /// <param name="maxBlockRows">Rows that the server sends at a time, or null for its own choice.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    /// <returns>The reader, which the caller disposes.</returns>
    /// <exception cref="ClickHouseServerException">The server refused the query.</exception>
    public async Task<RowBinaryReader> QueryAsync(
        string sql, IReadOnlyList<ClickHouseParameter> parameters, int? maxBlockRows, CancellationToken cancellationToken)
    {
        using var connection = _client.CreateConnection();
        using var command = connection.CreateCommand(sql + "\nFORMAT RowBinary");
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new ClickHouseDbParameter
            {
                ParameterName = parameter.Name,
                ClickHouseType = parameter.Type,
                Value = parameter.Value,
            });
        }

        if (maxBlockRows is { } rows) command.CustomSettings["max_block_size"] = rows;
        var result = await command.ExecuteRawResultAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var stream = await result.ReadDecompressedStreamAsync().ConfigureAwait(false);
            return new RowBinaryReader(stream, result);
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Inserts rows that are written, as RowBinary, while they are sent.</summary>
    /// <param name="table">The table, unquoted.</param>
    /// <param name="columns">The columns with the types that the values are written as.</param>
    /// <param name="isConverted">Whether the table's own types may differ, so that the server has to convert the values.</param>
    /// <param name="writeRows">Writes the rows to the request.</param>
    /// <param name="cancellationToken">Abandons the insert.</param>
    public async Task InsertAsync(
        string table,
        IReadOnlyList<(string Name, string Type)> columns,
        bool isConverted,
        Func<Stream, CancellationToken, Task> writeRows,
        CancellationToken cancellationToken)
    {
        // input() names the types as they are sent, so that a column whose type differs is converted by the server instead
        // of being misread.
        var structure = string.Join(", ", columns.Select(column => $"{Quote(column.Name)} {column.Type}"));
        var names = string.Join(", ", columns.Select(column => Quote(column.Name)));
        var source = isConverted ? $"SELECT {names} FROM input({Literal(structure)}) " : "";

        // The rows replace older ones, not each other: looking for the latest among them would only cost time.
        var sql = $"INSERT INTO {Quote(table)} ({names}) SETTINGS optimize_on_insert = 0 {source}FORMAT RowBinary";
        using var response = await _client.PostStreamAsync(sql, writeRows, isCompressed: false, cancellationToken, new QueryOptions()).ConfigureAwait(false);
    }

    /// <summary>Makes sure that a table with some columns is there.</summary>
    /// <returns>The types of all its columns, by name.</returns>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: it names what is missing.</exception>
    public async Task<IReadOnlyDictionary<string, string>> RequireColumnsAsync(string table, IReadOnlyCollection<string> columns, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT name, type
            FROM system.columns
            WHERE database = currentDatabase() AND table = {table:String}
            """;

        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = await QueryAsync(Sql, [new("table", "String", table)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadTypes(reader, found);
        }

        var database = _client.Settings.Database;
        if (found.Count == 0)
        {
            throw new ReplayException(
                ReplayError.TableMissing,
                $"ClickHouse database '{database}' has no table '{table}'. Check the database at the end of the ClickHouse URL, and that the migrations have run there.");
        }

        var missing = columns.Where(column => !found.ContainsKey(column)).ToList();
        if (missing.Count > 0)
        {
            throw new ReplayException(
                ReplayError.TableMissing,
                $"ClickHouse table '{database}.{table}' has no column {string.Join(", ", missing.Select(column => $"'{column}'"))}. Run the migrations of the system that owns it, then try again.");
        }

        return found;

        static void ReadTypes(RowBinaryReader reader, Dictionary<string, string> types)
        {
            var cursor = new RowBinaryCursor(reader.Buffered);
            var consumed = 0;
            while (cursor.TryReadString(out var name) && cursor.TryReadString(out var type))
            {
                types[Encoding.UTF8.GetString(name)] = Encoding.UTF8.GetString(type);
                consumed = cursor.Position;
            }

            reader.Advance(consumed);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>An identifier, quoted.</summary>
    internal static string Quote(string identifier) => "`" + identifier.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("`", "\\`", StringComparison.Ordinal) + "`";

    /// <summary>Text as a literal: for what comes from the server or from this program, never for what an operator gives.</summary>
    internal static string Literal(string text) => "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}

/// <summary>A value bound to a query.</summary>
/// <param name="Name">The name in <c>{name:Type}</c>.</param>
/// <param name="Type">The ClickHouse type.</param>
/// <param name="Value">The value.</param>
public readonly record struct ClickHouseParameter(string Name, string Type, object Value);

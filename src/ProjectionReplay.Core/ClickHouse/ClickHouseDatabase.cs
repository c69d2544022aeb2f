using System.Globalization;
using System.Text;
using ClickHouse.Driver;
using ClickHouse.Driver.ADO;
using ClickHouse.Driver.ADO.Parameters;
using ProjectionReplay.Replay;
using ProjectionReplay.Tables;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// One ClickHouse database over HTTP: bound queries whose rows are read as RowBinary, and streamed inserts.
/// Safe for concurrent use.
/// </summary>
public sealed class ClickHouseDatabase : IDisposable
{
    // See ErrorCodes.cpp of ClickHouse.
    private const int IllegalType = 43;
    private const int NotImplemented = 48;
    private const int TypeMismatch = 53;
    private const int CannotConvert = 70;

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
        using var response = await _client.PostStreamAsync(
            sql, writeRows, isCompressed: false, cancellationToken, new QueryOptions()).ConfigureAwait(false);
    }

    /// <summary>Makes sure that a table with some columns is there.</summary>
    /// <returns>The types of all its columns, by name.</returns>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: it names what is missing.</exception>
    public async Task<IReadOnlyDictionary<string, string>> RequireColumnsAsync(
        string table, IReadOnlyCollection<string> columns, CancellationToken cancellationToken)
    {
        var found = await ReadColumnsAsync(table, cancellationToken).ConfigureAwait(false);
        Describe(table, [.. columns.Select(RequiredColumn.Any)]).Judge(found).Require();
        return found;
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>The types of a table's columns, by name; none when there is no such table, or none that the user may see.</summary>
    internal async Task<IReadOnlyDictionary<string, string>> ReadColumnsAsync(string table, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT name, type
            FROM system.columns
            WHERE database = currentDatabase() AND table = {table:String}
            """;

        var rows = await QueryTextsAsync(Sql, [new("table", "String", table)], columns: 2, cancellationToken).ConfigureAwait(false);
        return rows.ToDictionary(row => row[0], row => row[1], StringComparer.Ordinal);
    }

    /// <summary>What a table of this database must have.</summary>
    internal RequiredTable Describe(string table, IReadOnlyList<RequiredColumn> columns)
    {
        var database = _client.Settings.Database;
        return new RequiredTable(table, $"ClickHouse table '{database}.{table}'", columns)
        {
            Absence = new(
                "Table",
                TableVerdict.Unusable,
                $"ClickHouse database '{database}' has no table '{table}'.",
                "Check the database at the end of the ClickHouse URL, and that the migrations have run there."),
        };
    }

    /// <summary>Whether the server has a conversion between two types at all, whatever the values. Converts none.</summary>
    internal async Task<bool> CanConvertAsync(string from, string to, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT toString(CAST(materialize(defaultValueOfTypeName({from:String})), {to:String}))
            WHERE materialize(0)
            """;

        try
        {
            await QueryTextsAsync(
                Sql, [new("from", "String", from), new("to", "String", to)], columns: 1, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ClickHouseServerException exception)
            when (exception.ErrorCode is IllegalType or TypeMismatch or CannotConvert or NotImplemented)
        {
            return false;
        }
    }

    /// <summary>Whether the user may do something, by the server's own account. Does nothing.</summary>
    /// <param name="privilege"><c>SELECT</c> or <c>INSERT</c>.</param>
    /// <param name="table">The table, unquoted.</param>
    /// <param name="columns">The columns, unquoted; the whole table when empty.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    /// <exception cref="ClickHouseServerException">The server does not say: it is older than 24.10, as a rule.</exception>
    internal async Task<bool> IsGrantedAsync(
        string privilege, string table, IReadOnlyList<string> columns, CancellationToken cancellationToken)
    {
        var list = columns.Count == 0 ? "" : $"({string.Join(", ", columns.Select(Quote))})";
        using var connection = _client.CreateConnection();
        using var command = connection.CreateCommand($"CHECK GRANT {privilege}{list} ON {Quote(table)}");
        return Convert.ToInt64(
            await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false), CultureInfo.InvariantCulture) != 0;
    }

    /// <summary>Whether the user may read some columns of a table, by reading none of its rows.</summary>
    /// <exception cref="ClickHouseServerException">It may not, or the server is in trouble.</exception>
    internal Task TryReadAsync(string table, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        QueryTextsAsync(
            $"SELECT {string.Join(", ", columns.Select(column => $"toString({Quote(column)})"))} FROM {Quote(table)} WHERE 0",
            [],
            columns.Count,
            cancellationToken);

    /// <summary>Reads rows whose columns are all String. For short answers.</summary>
    internal async Task<IReadOnlyList<string[]>> QueryTextsAsync(
        string sql, IReadOnlyList<ClickHouseParameter> parameters, int columns, CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        var reader = await QueryAsync(sql, parameters, null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadRows(reader, columns, rows);
        }

        return rows;
    }

    private static void ReadRows(RowBinaryReader reader, int columns, List<string[]> rows)
    {
        while (true)
        {
            var cursor = new RowBinaryCursor(reader.Buffered);
            var row = new string[columns];
            for (var column = 0; column < columns; column++)
            {
                if (!cursor.TryReadString(out var text)) return;
                row[column] = Encoding.UTF8.GetString(text);
            }

            rows.Add(row);
            reader.Advance(cursor.Position);
        }
    }

    /// <summary>An identifier, quoted.</summary>
    internal static string Quote(string identifier) =>
        "`" + identifier.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("`", "\\`", StringComparison.Ordinal) + "`";

    /// <summary>Text as a literal: for what comes from the server or from this program, never for what an operator gives.</summary>
    internal static string Literal(string text) =>
        "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}

/// <summary>A value bound to a query.</summary>
/// <param name="Name">The name in <c>{name:Type}</c>.</param>
/// <param name="Type">The ClickHouse type.</param>
/// <param name="Value">The value.</param>
public readonly record struct ClickHouseParameter(string Name, string Type, object Value);

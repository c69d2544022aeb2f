using System.Globalization;
using ClickHouse.Driver;
using ClickHouse.Driver.ADO;
using ClickHouse.Driver.ADO.Parameters;
using ProjectionReplay.Faults;
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

    private const int ReadonlySetting = 164;

    private static readonly ClickHouseQuery s_profile = ShortAnswer.Texts(QuerySettings.ProfileSql, []);

    private readonly HttpClient _http;
    private readonly SemaphoreSlim _looking = new(1);
    private ClickHouseClient _client;
    private volatile ServerProfile? _profile;

    /// <summary>Opens the database that the settings name. Connects on first use.</summary>
    public ClickHouseDatabase(ClickHouseClientSettings settings)
    {
        _http = ServerAnswers.CreateClient(settings.Timeout);

        // Parameters in the body: a proxy would refuse a URL that is as long as they may be. And no settings for JSON columns,
        // which are not read, and which a user with readonly = 1 may not send.
        _client = new ClickHouseClient(new ClickHouseClientSettings(settings)
        {
            HttpClient = _http,
            UseFormDataParameters = true,
            JsonReadMode = JsonReadMode.None,
            JsonWriteMode = JsonWriteMode.None,
        });
    }

    /// <summary>What ports make their calls with; this class itself tries nothing twice.</summary>
    internal Retries Retries { get; init; } = new(ClickHouseFaults.Rules, Patience.None);

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
        return await QueryAsync(
            new ClickHouseQuery(sql, parameters) { MaxBlockRows = maxBlockRows }, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc cref="QueryAsync(string, IReadOnlyList{ClickHouseParameter}, int?, CancellationToken)"/>
    /// <exception cref="SettingLockedException">The user's profile makes answers that cannot be relied on.</exception>
    internal async Task<RowBinaryReader> QueryAsync(ClickHouseQuery query, CancellationToken cancellationToken)
    {
        var profile = await LookAtProfileAsync(cancellationToken).ConfigureAwait(false);
        return await SendAsync(query, profile, cancellationToken).ConfigureAwait(false);
    }

    private async Task<RowBinaryReader> SendAsync(ClickHouseQuery query, ServerProfile? profile, CancellationToken cancellationToken)
    {
        var mayChangeSettings = profile?.MayChangeSettings ?? false;
        var hints = mayChangeSettings && query.Hints is { } wanted ? $"\nSETTINGS {wanted}" : "";
        using var connection = _client.CreateConnection();
        using var command = connection.CreateCommand($"{query.Sql}{hints}\nFORMAT RowBinary");
        foreach (var parameter in query.Parameters)
        {
            command.Parameters.Add(new ClickHouseDbParameter
            {
                ParameterName = parameter.Name,
                ClickHouseType = parameter.Type,
                Value = parameter.Value,
            });
        }

        var settings = profile?.ToSend(QuerySettings.Reading) ?? QuerySettings.Always.ToDictionary(StringComparer.Ordinal);
        foreach (var (name, value) in settings) command.CustomSettings[name] = value;

        if (ReadsLatest && profile?.MaySend(QuerySettings.Latest) == true) command.CustomSettings[QuerySettings.Latest] = 1;
        if (mayChangeSettings && query.MaxBlockRows is { } rows) command.CustomSettings["max_block_size"] = rows;

        // Not a setting: the server sends nothing before it is done, so that an error still has its status.
        if (query.IsShort) command.CustomSettings["wait_end_of_query"] = 1;
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

    /// <summary>
    /// Whether queries ask what has been written anywhere by now: a table that several servers share may else answer with what this
    /// one has heard of.
    /// </summary>
    internal bool ReadsLatest { get; set; }

    /// <summary>Inserts rows that are written, as RowBinary, while they are sent.</summary>
    /// <param name="table">The table, unquoted.</param>
    /// <param name="columns">The columns with the types that the values are written as.</param>
    /// <param name="isConverted">Whether the table's own types may differ, so that the server has to convert the values.</param>
    /// <param name="writeRows">Writes the rows to the request.</param>
    /// <param name="cancellationToken">Abandons the insert.</param>
    public Task InsertAsync(
        string table,
        IReadOnlyList<(string Name, string Type)> columns,
        bool isConverted,
        Func<Stream, CancellationToken, Task> writeRows,
        CancellationToken cancellationToken) =>
        InsertAsync(new ClickHouseInsert(table, columns) { IsConverted = isConverted }, writeRows, cancellationToken);

    /// <summary>Inserts rows that are written, as RowBinary, while they are sent.</summary>
    /// <param name="insert">Where they go, and how.</param>
    /// <param name="writeRows">Writes the rows to the request.</param>
    /// <param name="cancellationToken">Abandons the insert.</param>
    internal async Task InsertAsync(
        ClickHouseInsert insert, Func<Stream, CancellationToken, Task> writeRows, CancellationToken cancellationToken)
    {
        // input() names the types as they are sent, so that a column whose type differs is converted by the server instead
        // of being misread.
        var structure = string.Join(", ", insert.Columns.Select(column => $"{Quote(column.Name)} {column.Type}"));
        var names = string.Join(", ", insert.Columns.Select(column => Quote(column.Name)));
        var source = insert.IsConverted ? $"SELECT {names} FROM input({Literal(structure)}) " : "";

        // The rows replace older ones, not each other: looking for the latest among them would only cost time.
        var sql = $"INSERT INTO {Quote(insert.Table)} ({names}) SETTINGS optimize_on_insert = 0 {source}FORMAT RowBinary";
        var profile = await LookAtProfileAsync(cancellationToken).ConfigureAwait(false);
        var settings = new Dictionary<string, object>(StringComparer.Ordinal);

        // Who may change no setting may not insert either, and the server says so best.
        var pinned = profile.MayChangeSettings ? profile.ToSend(QuerySettings.Writing) : [];
        foreach (var (name, value) in pinned) settings[name] = value;
        if (!profile.MaySend(QuerySettings.KeepsAll) && profile.MaySend(QuerySettings.InsertName))
        {
            settings[QuerySettings.InsertName] = Guid.NewGuid().ToString("N");
        }

        if (insert.HasManyPartitions && profile.MaySend(QuerySettings.MostPartitions)) settings[QuerySettings.MostPartitions] = "0";
        using var response = await _client.PostStreamAsync(
            sql, writeRows, isCompressed: false, cancellationToken, new QueryOptions { CustomSettings = settings }).ConfigureAwait(false);

        // A server that had answered before it failed says so here; one that has stored the rows says nothing.
        var words = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        if (words.Contains(ServerAnswers.ErrorMark, StringComparison.Ordinal))
        {
            throw ClickHouseServerException.FromServerResponse(words, sql);
        }

        if (words.Length > 0) throw new AnswerIncompleteException("An insert was answered by something that is not ClickHouse.");
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
    public void Dispose()
    {
        _client.Dispose();
        _http.Dispose();
        _looking.Dispose();
    }

    /// <summary>Looks at the user's settings profile, once.</summary>
    internal async ValueTask<ServerProfile> LookAtProfileAsync(CancellationToken cancellationToken)
    {
        if (_profile is { } known) return known;
        await _looking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return _profile ??= new ServerProfile(await ReadProfileAsync(cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            _looking.Release();
        }
    }

    private async Task<IReadOnlyList<string[]>> ReadProfileAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await AskAsync().ConfigureAwait(false);
        }
        catch (ClickHouseServerException exception) when (exception.ErrorCode == ReadonlySetting && _client.Settings.UseCompression)
        {
            // Compression is asked for by a setting, and a user with readonly = 1 may send none.
            var old = _client;
            _client = new ClickHouseClient(new ClickHouseClientSettings(old.Settings) { UseCompression = false });
            old.Dispose();
            return await AskAsync().ConfigureAwait(false);
        }
        catch (AnswerIncompleteException exception)
        {
            throw new AnswerIncompleteException(
                "ClickHouse does not tell the settings that it goes by (table system.settings): the user's profile may filter all answers.",
                exception);
        }

        async Task<IReadOnlyList<string[]>> AskAsync() => await ShortAnswer.ReadTextsAsync(
            await SendAsync(s_profile, null, cancellationToken).ConfigureAwait(false), columns: 3, cancellationToken).ConfigureAwait(false);
    }

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
    /// <exception cref="AnswerIncompleteException">The answer is not whole.</exception>
    internal async Task<IReadOnlyList<string[]>> QueryTextsAsync(
        string sql, IReadOnlyList<ClickHouseParameter> parameters, int columns, CancellationToken cancellationToken)
    {
        var reader = await QueryAsync(ShortAnswer.Texts(sql, parameters), cancellationToken).ConfigureAwait(false);
        return await ShortAnswer.ReadTextsAsync(reader, columns, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads one row of UInt64 columns: numbers of rows, as a rule.</summary>
    /// <exception cref="AnswerIncompleteException">The answer is not exactly that.</exception>
    internal async Task<ulong[]> QueryNumbersAsync(ClickHouseQuery query, int columns, CancellationToken cancellationToken)
    {
        var reader = await QueryAsync(query with { IsShort = true }, cancellationToken).ConfigureAwait(false);
        return await ShortAnswer.ReadNumbersAsync(reader, columns, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>An identifier, quoted.</summary>
    internal static string Quote(string identifier) =>
        "`" + identifier.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("`", "\\`", StringComparison.Ordinal) + "`";

    /// <summary>Text as a literal: for what comes from the server or from this program, never for what an operator gives.</summary>
    internal static string Literal(string text) =>
        "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ClickHouse.Driver;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Stores;

/// <summary>
/// What a table holds already where rows are about to be stored: the latest row of each key, before and after merges. Rows are
/// told apart by the columns of the table's sorting key. Safe for concurrent use.
/// </summary>
internal sealed partial class EarlierRows<TState>
    where TState : class
{
    // A server refuses a parameter of more than 128 KiB (http_max_field_value_size), and text is longer when it is quoted. Rows
    // that stand together are asked for together, as each query reads whole granules.
    private const int MostBytesOfParameter = 48 * 1024;
    private const int MostNamed = 10_000;
    private const int AtOnce = 2;

    /// <summary>Error ILLEGAL_FINAL: the engine does not replace rows.</summary>
    private const int IllegalFinal = 181;

    private readonly ClickHouseDatabase _database;
    private readonly LatestRowTable<TState> _table;
    private readonly RowFacts<TState> _facts;
    private readonly int[] _key;
    private readonly HistoryColumn[] _history;
    private readonly int? _version;

    private EarlierRows(ClickHouseDatabase database, LatestRowTable<TState> table, int[] key, HistoryColumn[] history, int? version)
    {
        _database = database;
        _table = table;
        _facts = new RowFacts<TState>(table, key);
        _key = key;
        _history = history;
        _version = version;
    }

    /// <summary>Looks at a table, and reads none of its rows.</summary>
    /// <returns>
    /// The rows; null when nobody can tell which row of the table a new one replaces. And why something that the projection wants
    /// kept cannot be: the end of a sentence, or null.
    /// </returns>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: the table replaces no rows.</exception>
    public static async Task<(EarlierRows<TState>? Rows, string Engine, string? Limit)> OpenAsync(
        ClickHouseDatabase database,
        LatestRowTable<TState> table,
        IReadOnlyDictionary<string, string> stored,
        CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            """
            SELECT tables.engine_full, columns.name
            FROM system.tables AS tables
            LEFT JOIN (SELECT name, table FROM system.columns WHERE database = currentDatabase() AND is_in_sorting_key) AS columns
                ON columns.table = tables.name
            WHERE tables.database = currentDatabase() AND tables.name = {table:String}
            """,
            [new("table", "String", table.Name)],
            columns: 2,
            cancellationToken).ConfigureAwait(false);
        var engine = rows.Count > 0 ? rows[0][0] : "";
        var keyNames = rows.Select(row => row[1]).Where(name => name.Length > 0).ToList();
        if (keyNames.Count == 0) return (null, engine, "the server tells of no sorting key");
        var key = keyNames.Select(IndexOf).Order().ToArray();
        if (Array.FindIndex(key, index => index < 0 || table.Columns[index].Type != "String") >= 0)
        {
            return (null, engine, $"its sorting key ({string.Join(", ", keyNames)}) has more than texts that a replay writes");
        }

        var history = table.HistoryColumns.Select(IndexOf).Select(
            index => HistoryColumn.Of(index, table.Columns[index].Type, TypeOf(index)));
        var version = VersionOf(engine) is { } name && IndexOf(name) is >= 0 and var at
            && RowBinaryType.AreSame(table.Columns[at].Type, TypeOf(at)) ? at : (int?)null;
        var found = new EarlierRows<TState>(database, table, key, [.. history.OfType<HistoryColumn>()], version);
        await found.TryReadAsync(cancellationToken).ConfigureAwait(false);
        return (found, engine, found._history.Length == table.HistoryColumns.Count ? null
            : $"{string.Join(", ", table.HistoryColumns)} are not all of the types that a replay writes");

        int IndexOf(string column) => table.Columns.ToList().FindIndex(other => other.Name == column);

        string TypeOf(int index) => stored.GetValueOrDefault(table.Columns[index].Name, "");
    }

    /// <summary>Finds out before anything is marked that the user may read what is read later, and that the engine replaces rows.</summary>
    private async Task TryReadAsync(CancellationToken cancellationToken)
    {
        var expressions = _history.Select(column => _facts.Expression(column.Index));
        if (_version is { } version) expressions = expressions.Append(_facts.Expression(version));
        if (_table.KeptColumn is { } kept) expressions = expressions.Append(RowFacts<TState>.Milliseconds(kept));
        try
        {
            await ReadAsync([], [.. Enumerable.Range(0, _key.Length)], [.. expressions], cancellationToken).ConfigureAwait(false);
        }
        catch (ClickHouseServerException exception) when (exception.ErrorCode == IllegalFinal)
        {
            throw new ReplayException(
                ReplayError.TableMissing,
                $"ClickHouse table '{_table.Name}' keeps every row that is ever written, so that a replay would add rows and replace none. "
                    + "Its engine must be a ReplacingMergeTree, or ReplicatedReplacingMergeTree.",
                exception);
        }
    }

    /// <summary>The column by which the latest row is told, of those that are written; null when the server fills it.</summary>
    public string? VersionColumn => _version is { } version && _facts.IsNumber(version) ? _table.Columns[version].Name : null;

    /// <summary>The aggregates, by their hashes, whose stored row knows of first events that the new one lacks.</summary>
    public async Task<IReadOnlySet<ulong>> FindRicherAsync(IReadOnlyList<RowBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        var richer = new HashSet<ulong>();
        if (_history.Length == 0 || await AreFirstAsync(buffers, cancellationToken).ConfigureAwait(false)) return richer;
        var rows = _facts.Read(buffers, [.. _history.Select(column => column.Index)]);
        var stored = await ReadStoredAsync(
            rows, [.. _history.Select(column => _facts.Expression(column.Index))], cancellationToken).ConfigureAwait(false);
        var unnamed = new List<NewRow>();
        foreach (var row in rows)
        {
            if (!stored.TryGetValue(row.Identity, out var facts))
            {
                if (Array.Exists(row.Key, part => part.Length == 0)) unnamed.Add(row);
            }
            else if (_history.Where((column, at) => column.KnowsMore(facts[at], row.Facts[at])).Any())
            {
                richer.Add(row.Owner.Aggregate);
            }
        }

        richer.UnionWith(await FindNamedAsync(unnamed, cancellationToken).ConfigureAwait(false));
        return richer;
    }

    /// <summary>
    /// Of rows that lack a part of their key, those that the table has with it: the event that told it is gone, and the new row
    /// would stand beside the stored one.
    /// </summary>
    private async Task<IEnumerable<ulong>> FindNamedAsync(List<NewRow> rows, CancellationToken cancellationToken)
    {
        var found = new List<ulong>();
        var byWhatIsThere = rows.GroupBy(
            row => string.Concat(row.Key.Select(part => part.Length == 0 ? '0' : '1')), StringComparer.Ordinal);
        foreach (var alike in byWhatIsThere)
        {
            int[] parts = [.. Enumerable.Range(0, _key.Length).Where(part => alike.Key[part] == '1')];

            // What is left of the key must name the aggregate, and not all that a tenant has.
            var named = alike.Where(row => parts.Any(part => AggregateHash.OfId(row.Key[part]) == row.Owner.Id));
            foreach (var group in named.Chunk(MostNamed))
            {
                var stored = await ReadAsync(group, parts, [], cancellationToken).ConfigureAwait(false);
                var known = stored.Select(RowFacts<TState>.Identify).ToHashSet(StringComparer.Ordinal);
                found.AddRange(group
                    .Where(row => known.Contains(RowFacts<TState>.Identify(parts.Select(part => row.Key[part]))))
                    .Select(row => row.Owner.Aggregate));
            }
        }

        return found;
    }

    /// <summary>How many of the new rows come to nothing, as the stored row is of a later version.</summary>
    public async Task<int> CountLaterAsync(IReadOnlyList<RowBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        if (VersionColumn is null || await AreFirstAsync(buffers, cancellationToken).ConfigureAwait(false)) return 0;
        var rows = _facts.Read(buffers, [_version!.Value]);
        var stored = await ReadStoredAsync(rows, [_facts.Expression(_version.Value)], cancellationToken).ConfigureAwait(false);
        return rows.Count(row => stored.TryGetValue(row.Identity, out var facts) && facts[0] > row.Facts[0]);
    }

    /// <summary>What the stored rows have, ms since 1970 UTC, in a column that the server fills.</summary>
    /// <returns>By what tells a row from others; those that are stored.</returns>
    public async Task<IReadOnlyDictionary<string, long[]>> ReadTimesAsync(
        IReadOnlyList<RowBuffer<TState>> buffers, string column, CancellationToken cancellationToken) =>
        await AreFirstAsync(buffers, cancellationToken).ConfigureAwait(false)
            ? new Dictionary<string, long[]>(StringComparer.Ordinal)
            : await ReadStoredAsync(
                _facts.Read(buffers, []), [RowFacts<TState>.Milliseconds(column)], cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="RowFacts{TState}.Identify(ReadOnlySpan{byte})"/>
    public string Identify(ReadOnlySpan<byte> row) => _facts.Identify(row);

    /// <summary>
    /// Whether the table has no row within the range of the new ones, as where a tenant is replayed for the first time: cheap to
    /// ask, where naming each row is not.
    /// </summary>
    private async Task<bool> AreFirstAsync(IReadOnlyList<RowBuffer<TState>> buffers, CancellationToken cancellationToken)
    {
        if (_facts.FindRange(buffers) is not { } range) return false;
        var (conditions, parameters) = (new List<string>(), new List<ClickHouseParameter>());
        for (var i = 0; i < _key.Length; i++)
        {
            var column = ClickHouseDatabase.Quote(_table.Columns[_key[i]].Name);
            conditions.Add(string.Create(
                CultureInfo.InvariantCulture, $"{column} >= unhex({{least{i}:String}}) AND {column} <= unhex({{greatest{i}:String}})"));
            parameters.Add(new(string.Create(CultureInfo.InvariantCulture, $"least{i}"), "String", Convert.ToHexString(range[i].Least)));
            parameters.Add(
                new(string.Create(CultureInfo.InvariantCulture, $"greatest{i}"), "String", Convert.ToHexString(range[i].Greatest)));
        }

        var query = new ClickHouseQuery(
            $"SELECT count() FROM {ClickHouseDatabase.Quote(_table.Name)} WHERE {string.Join(" AND ", conditions)}", parameters);
        return (await _database.QueryNumbersAsync(query, columns: 1, cancellationToken).ConfigureAwait(false))[0] == 0;
    }

    private async Task<Dictionary<string, long[]>> ReadStoredAsync(
        List<NewRow> rows, IReadOnlyList<string> expressions, CancellationToken cancellationToken)
    {
        int[] parts = [.. Enumerable.Range(0, _key.Length)];
        var groups = rows.Chunk(MostNamed).ToList();
        var found = new IReadOnlyList<string[]>[groups.Count];
        await Parallel.ForAsync(
            0,
            groups.Count,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (index, token) => found[index] = await ReadAsync(groups[index], parts, expressions, token).ConfigureAwait(false))
            .ConfigureAwait(false);
        var stored = new Dictionary<string, long[]>(StringComparer.Ordinal);
        foreach (var row in found.SelectMany(group => group))
        {
            stored[RowFacts<TState>.Identify(row.Take(_key.Length))] =
                [.. row.Skip(_key.Length).Select(fact => long.Parse(fact, CultureInfo.InvariantCulture))];
        }

        return stored;
    }

    /// <param name="rows">The rows whose counterparts are asked for.</param>
    /// <param name="parts">The parts of the key that they are looked for by, and that come first in the answer.</param>
    /// <param name="expressions">What comes behind.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    private Task<IReadOnlyList<string[]>> ReadAsync(
        NewRow[] rows, int[] parts, IReadOnlyList<string> expressions, CancellationToken cancellationToken)
    {
        var (conditions, parameters) = (new List<string>(), new List<ClickHouseParameter>());
        foreach (var part in parts)
        {
            var names = new List<string>();
            foreach (var values in Cut(rows.Select(row => row.Key[part]).Distinct(StringComparer.Ordinal)))
            {
                var parameter = string.Create(CultureInfo.InvariantCulture, $"key{part}_{names.Count}");
                names.Add($"{Quoted(part)} IN {{{parameter}:Array(String)}}");
                parameters.Add(new(parameter, "Array(String)", values));
            }

            conditions.Add(names.Count == 0 ? "0" : $"({string.Join(" OR ", names)})");
        }

        var columns = parts.Select(Quoted).Concat(expressions).Select(column => $"toString({column})");
        var sql = $"""
            SELECT DISTINCT {string.Join(", ", columns)}
            FROM {ClickHouseDatabase.Quote(_table.Name)} FINAL
            WHERE {string.Join(" AND ", conditions)}
            """;
        return _database.QueryTextsAsync(sql, parameters, parts.Length + expressions.Count, cancellationToken);

        string Quoted(int part) => ClickHouseDatabase.Quote(_table.Columns[_key[part]].Name);
    }

    private static IEnumerable<string[]> Cut(IEnumerable<string> values)
    {
        var (group, bytes) = (new List<string>(), 0);
        foreach (var value in values)
        {
            var more = Encoding.UTF8.GetByteCount(value) + 3;
            if (group.Count > 0 && bytes + more > MostBytesOfParameter)
            {
                yield return [.. group];
                (group, bytes) = ([], 0);
            }

            group.Add(value);
            bytes += more;
        }

        if (group.Count > 0) yield return [.. group];
    }

    /// <summary>The version column of an engine, as <c>engine_full</c> has it: the first argument that is no text.</summary>
    private static string? VersionOf(string engine)
    {
        var arguments = ReplacingArguments().Match(engine);
        return !arguments.Success ? null : arguments.Groups["arguments"].Value
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(argument => argument[0] != '\'')?
            .Trim('`');
    }

    [GeneratedRegex(@"ReplacingMergeTree\((?<arguments>[^()]*)\)", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReplacingArguments();
}

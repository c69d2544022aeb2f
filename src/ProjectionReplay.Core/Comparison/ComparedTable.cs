using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Comparison;

/// <summary>A column that a replay writes.</summary>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="WrittenType">The type that a replay sends.</param>
/// <param name="StoredType">The type that the table has.</param>
/// <param name="Value">
/// How its values stand in RowBinary, on both sides; null when only the server can convert the one into the other.
/// </param>
internal sealed record ComparedColumn(string Name, string WrittenType, string StoredType, RowBinaryValue? Value)
{
    /// <summary>How its values are read from the table: as they are, or as text.</summary>
    public RowBinaryValue Read => Value ?? Text;

    /// <summary>What is selected.</summary>
    public string Expression => Value is null ? $"toNullable(toString({Quoted}))" : Quoted;

    public string Quoted => ClickHouseDatabase.Quote(Name);

    /// <summary>What a value is read as that the server has put into words.</summary>
    public static RowBinaryValue Text { get; } = RowBinaryValue.Find("Nullable(String)")!;
}

/// <summary>
/// The table of a projection's latest rows, as the server has it: which columns are compared, and which of them tell its
/// rows apart. Those are the columns of the sorting key, as the engine keeps one row of each. Immutable.
/// </summary>
internal sealed class ComparedTable
{
    /// <summary>The column that names the tenant in each table of the live system.</summary>
    private const string TenantColumn = "TenantId";

    private ComparedTable(string name, IReadOnlyList<ComparedColumn> columns, IReadOnlySet<string> sortingKey)
    {
        (Name, Columns) = (name, columns);
        Key = [.. Enumerable.Range(0, columns.Count).Where(index => sortingKey.Contains(columns[index].Name))];
        TenantKey = Key.Cast<int?>().FirstOrDefault(index => columns[index!.Value] is { Name: TenantColumn, WrittenType: "String" });
    }

    /// <summary>The table's name, unquoted.</summary>
    public string Name { get; }

    /// <summary>The columns that a replay writes, in its order.</summary>
    public IReadOnlyList<ComparedColumn> Columns { get; }

    /// <summary>Which of them tell rows apart.</summary>
    public IReadOnlyList<int> Key { get; }

    /// <summary>Which of those names the tenant; null when none does.</summary>
    public int? TenantKey { get; }

    /// <summary>Which of the key's columns are text, the tenant aside: those that rows can be looked for by.</summary>
    public IEnumerable<int> NamingKey => Key.Where(index => index != TenantKey && Columns[index].WrittenType == "String");

    /// <summary>Looks at the table. Only reads.</summary>
    /// <exception cref="ReplayException">
    /// <see cref="ReplayError.TableMissing"/>, or <see cref="ReplayError.ComparisonNotPossible"/>: nobody can tell which of
    /// its rows is the latest.
    /// </exception>
    public static async Task<ComparedTable> OpenAsync(
        ClickHouseDatabase database, string name, IReadOnlyList<(string Name, string Type)> written, CancellationToken cancellationToken)
    {
        var types = await database.RequireColumnsAsync(
            name, [.. written.Select(column => column.Name)], cancellationToken).ConfigureAwait(false);
        var columns = written.Select(column => new ComparedColumn(
            column.Name,
            column.Type,
            types[column.Name],
            RowBinaryType.AreSame(column.Type, types[column.Name]) ? RowBinaryValue.Find(column.Type) : null)).ToList();
        var (engine, sortingKey) = await ReadSortingKeyAsync(database, name, cancellationToken).ConfigureAwait(false);
        var table = new ComparedTable(name, columns, sortingKey.ToHashSet(StringComparer.Ordinal));
        if (table.FindProblem(engine, sortingKey) is { } problem)
        {
            throw new ReplayException(
                ReplayError.ComparisonNotPossible, $"The rows of ClickHouse table '{name}' cannot be compared: {problem}");
        }

        return table;
    }

    /// <summary>What tells a row apart, from its columns: each byte a letter, so that bytes that are no text are told apart too.</summary>
    /// <param name="row">The row.</param>
    /// <param name="ends">Where each of the <paramref name="columns"/> ends.</param>
    /// <param name="columns">Which columns the row has.</param>
    public string Identify(ReadOnlySpan<byte> row, ReadOnlySpan<int> ends, IReadOnlyList<int> columns)
    {
        var identity = new StringBuilder();
        for (var i = 0; i < columns.Count; i++)
        {
            if (Key.Contains(columns[i])) identity.Append(Encoding.Latin1.GetString(Slice(row, ends, i)));
        }

        return identity.ToString();
    }

    /// <summary>The key for whoever reads it: without the tenant, with slashes.</summary>
    public string Describe(ReadOnlySpan<byte> row, ReadOnlySpan<int> ends, IReadOnlyList<int> columns)
    {
        var parts = new List<string>();
        for (var i = 0; i < columns.Count; i++)
        {
            if (Key.Contains(columns[i]) && columns[i] != TenantKey)
            {
                parts.Add(FormattableString.Invariant($"{Columns[columns[i]].Read.Read(Slice(row, ends, i))}"));
            }
        }

        return string.Join('/', parts);
    }

    /// <summary>A column of a row.</summary>
    public static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> row, ReadOnlySpan<int> ends, int index) =>
        row[(index == 0 ? 0 : ends[index - 1])..ends[index]];

    private static async Task<(string Engine, IReadOnlyList<string> SortingKey)> ReadSortingKeyAsync(
        ClickHouseDatabase database, string table, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT tables.engine, columns.name
            FROM system.tables AS tables
            LEFT JOIN (SELECT name, table FROM system.columns WHERE database = currentDatabase() AND is_in_sorting_key) AS columns
                ON columns.table = tables.name
            WHERE tables.database = currentDatabase() AND tables.name = {table:String}
            """;

        var (engine, names) = ("", new List<string>());
        var reader = await database.QueryAsync(Sql, [new("table", "String", table)], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                while (TryRead(reader, out var found, out var name))
                {
                    engine = found;
                    if (name.Length > 0) names.Add(name);
                }
            }
        }

        return (engine, names);

        static bool TryRead(RowBinaryReader rows, out string engine, out string name)
        {
            (engine, name) = ("", "");
            var cursor = new RowBinaryCursor(rows.Buffered);
            if (!cursor.TryReadString(out var first) || !cursor.TryReadString(out var second)) return false;
            (engine, name) = (Encoding.UTF8.GetString(first), Encoding.UTF8.GetString(second));
            rows.Advance(cursor.Position);
            return true;
        }
    }

    private string? FindProblem(string engine, IReadOnlyList<string> sortingKey)
    {
        if (sortingKey.Count == 0)
        {
            return $"its engine {engine} has no sorting key, which would tell its rows apart. Compare on the table that holds the rows.";
        }

        if (engine.EndsWith("MergeTree", StringComparison.Ordinal) && !engine.Contains("Replacing", StringComparison.Ordinal))
        {
            return $"its engine {engine} keeps every row ever written, so that none is the latest. "
                + "A projection whose latest row wins belongs into a ReplacingMergeTree.";
        }

        if (sortingKey.FirstOrDefault(name => Columns.All(column => column.Name != name)) is { } unwritten)
        {
            return $"they are told apart by column '{unwritten}', among others, which a replay does not write.";
        }

        if (Key.FirstOrDefault(index => Columns[index].Value is null, -1) is >= 0 and var converted)
        {
            return $"column '{Columns[converted].Name}' of its sorting key is of type {Columns[converted].StoredType}, "
                + $"and a replay writes {Columns[converted].WrittenType}.";
        }

        return NamingKey.Any() ? null : "no column of its sorting key is text, beside the tenant, by which rows could be looked for.";
    }
}

namespace ProjectionReplay.Tables;

/// <summary>
/// What a table must have for a replay to use it: the one rule by which a replay refuses to begin and a diagnosis says
/// what is wrong. Immutable.
/// </summary>
/// <param name="Name">The table, unquoted.</param>
/// <param name="Subject">The table as messages call it, such as <c>ClickHouse table 'langwatch.event_log'</c>.</param>
/// <param name="Columns">The columns that are read or written.</param>
internal sealed record RequiredTable(string Name, string Subject, IReadOnlyList<RequiredColumn> Columns)
{
    private const string Migrate = "Run the migrations of the system that owns it, then try again.";

    /// <summary>What is said when the table is not there at all.</summary>
    public required TableFinding Absence { get; init; }

    /// <summary>Compares it with the columns that there are.</summary>
    /// <param name="found">The type of each column by its name; empty when there is no table.</param>
    public TableInspection Judge(IReadOnlyDictionary<string, string> found) =>
        new(Name, [.. Columns.Select(column => column.Name)], [.. FindAll(found)]);

    private IEnumerable<TableFinding> FindAll(IReadOnlyDictionary<string, string> found)
    {
        if (found.Count == 0)
        {
            yield return Absence;
            yield break;
        }

        yield return new("Table", TableVerdict.Good, $"{Subject} is there.");
        var missing = Columns.Where(column => !found.ContainsKey(column.Name)).Select(column => $"'{column.Name}'").ToList();
        yield return missing.Count == 0
            ? new("Columns", TableVerdict.Good, $"{Subject} has all {Columns.Count} columns that a replay uses.")
            : new("Columns", TableVerdict.Unusable, $"{Subject} has no column {string.Join(", ", missing)}.", Migrate);

        var present = Columns.Where(column => found.ContainsKey(column.Name)).ToList();
        var unusable = List(present.Where(column => column.Judge(found[column.Name]) == TableVerdict.Unusable), found);
        var doubtful = List(present.Where(column => column.Judge(found[column.Name]) == TableVerdict.Doubtful), found);
        if (doubtful.Length > 0)
        {
            yield return new(
                "Types",
                TableVerdict.Doubtful,
                $"{Subject} has other types than a replay writes: {doubtful}.",
                "The server converts each value: one that does not fit fails the batch, or is stored as another. "
                    + "Run the migrations of the system that owns the table.");
        }

        if (unusable.Length > 0)
        {
            yield return new("Types", TableVerdict.Unusable, $"{Subject} has types that a replay cannot use: {unusable}.", Migrate);
        }

        if (doubtful.Length + unusable.Length == 0)
        {
            yield return new("Types", TableVerdict.Good, $"{Subject} has the types that a replay expects.");
        }
    }

    private static string List(IEnumerable<RequiredColumn> columns, IReadOnlyDictionary<string, string> found) =>
        string.Join(", ", columns.Select(column => $"'{column.Name}' is {found[column.Name]} instead of {column.Type}"));
}

/// <summary>A column that a replay reads or writes.</summary>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="Type">The type that it should have, for messages.</param>
/// <param name="Judge">What another type means for a replay.</param>
internal sealed record RequiredColumn(string Name, string Type, Func<string, TableVerdict> Judge)
{
    /// <summary>A column of any type.</summary>
    public static RequiredColumn Any(string name) => new(name, "any type", static _ => TableVerdict.Good);

    /// <summary>A column that must have one of some types, the first of which is the usual one.</summary>
    public static RequiredColumn OneOf(string name, params string[] types) => new(
        name, types[0], found => types.Contains(found, StringComparer.Ordinal) ? TableVerdict.Good : TableVerdict.Unusable);
}

using ProjectionReplay.ClickHouse;
using ProjectionReplay.Projections;

namespace ProjectionReplay.Stores;

/// <summary>
/// The columns of a ClickHouse table that a projection's states are written to, in the order they are declared.
/// Columns with a default that the server should fill (such as <c>UpdatedAt DEFAULT now64(3)</c>) are left out.
/// </summary>
/// <typeparam name="TState">The projection's state.</typeparam>
/// <remarks>Built once, as a static field of a projection; immutable afterwards and safe for concurrent use.</remarks>
public sealed class LatestRowTable<TState>
    where TState : class
{
    private readonly List<Column> _columns = [];
    private readonly List<Caution> _cautions = [];

    /// <summary>Names the table, unquoted; its database is the connection's.</summary>
    public LatestRowTable(string name) => Name = name;

    /// <summary>The table's name, unquoted.</summary>
    public string Name { get; }

    /// <summary>The columns in the order they are written.</summary>
    public IReadOnlyList<Column> Columns => _columns;

    /// <summary>What the operator is told, once a run, when a stored state calls for it.</summary>
    public IReadOnlyList<Caution> Cautions => _cautions;

    /// <summary>
    /// What <c>PARTITION BY toYearWeek(…)</c> of the table is about, in ms since 1970 UTC; null when there is no such key.
    /// </summary>
    internal Func<ProjectedState<TState>, long>? PartitionTime { get; private set; }

    /// <summary>
    /// Says which time the table is partitioned by, week by week, so that no insert touches more partitions than the
    /// server allows. A time that the server fills in needs none: it is the same for all rows.
    /// </summary>
    /// <param name="time">The time of a row, ms since 1970 UTC.</param>
    public LatestRowTable<TState> PartitionedByWeekOf(Func<ProjectedState<TState>, long> time)
    {
        PartitionTime = time;
        return this;
    }

    /// <summary>The columns that tell whether the first events of an aggregate were folded: see <see cref="SetByFirstEvents"/>.</summary>
    internal IReadOnlyList<string> HistoryColumns { get; private set; } = [];

    /// <summary>The column that a row keeps of the one that it replaces; null when there is none.</summary>
    internal string? KeptColumn { get; private set; }

    /// <summary>
    /// Names columns that the first events of an aggregate set, and that no later event takes back: nullable ones, which are
    /// never null again, and times, which are never later; 1970 counts as none. Where a stored row knows more by them than the
    /// event log tells, the log has lost the aggregate's first events: a replay leaves that row as it is, and says so, unless the
    /// loss is allowed.
    /// </summary>
    /// <param name="columns">Names of columns that were added before: Nullable, or DateTime64(3).</param>
    /// <exception cref="ArgumentException">There is no such column, or it is of another type.</exception>
    public LatestRowTable<TState> SetByFirstEvents(params string[] columns)
    {
        foreach (var name in columns)
        {
            var isFit = _columns.Exists(
                column => column.Name == name
                    && (column.Type == "DateTime64(3)" || column.Type.StartsWith("Nullable(", StringComparison.Ordinal)));
            if (isFit) continue;
            throw new ArgumentException($"Table '{Name}' has no column '{name}' that is nullable or a DateTime64(3).", nameof(columns));
        }

        HistoryColumns = [.. HistoryColumns, .. columns];
        return this;
    }

    /// <summary>
    /// Has a row keep the time that the server once filled in for the row that it replaces. For a column that the table is
    /// partitioned by: else the new row would lie in another partition, and the old one be kept for ever.
    /// </summary>
    /// <param name="column">A DateTime64(3) column with a default, which is not written otherwise.</param>
    public LatestRowTable<TState> Keeping(string column)
    {
        KeptColumn = column;
        return this;
    }

    /// <summary>Has the operator told <paramref name="message"/>, once a run, when a stored state meets a condition.</summary>
    public LatestRowTable<TState> Warn(Func<TState, bool> when, string message)
    {
        _cautions.Add(new Caution(when, message));
        return this;
    }

    /// <summary>A String, or LowCardinality(String), column.</summary>
    public LatestRowTable<TState> String(string name, Func<ProjectedState<TState>, string> value) =>
        Add(name, "String", (row, writer) => writer.WriteString(value(row)));

    /// <summary>A String column whose text is at hand as UTF-8.</summary>
    internal LatestRowTable<TState> Utf8String(string name, Utf8Text value) =>
        Add(name, "String", (row, writer) => writer.WriteUtf8(value(row)));

    /// <summary>A String, or LowCardinality(String), column.</summary>
    internal LatestRowTable<TState> Text(string name, Func<ProjectedState<TState>, StateText> value) =>
        Add(name, "String", (row, writer) => writer.WriteUtf8(value(row).Utf8));

    /// <summary>A Nullable(String) column.</summary>
    internal LatestRowTable<TState> NullableText(string name, Func<ProjectedState<TState>, StateText> value) =>
        Add(name, "Nullable(String)", (row, writer) =>
        {
            var text = value(row);
            if (!writer.WriteIsNull(text.IsNone)) writer.WriteUtf8(text.Utf8);
        });

    /// <summary>A Nullable(String) column.</summary>
    public LatestRowTable<TState> NullableString(string name, Func<ProjectedState<TState>, string?> value) =>
        Add(name, "Nullable(String)", (row, writer) => writer.WriteNullableString(value(row)));

    /// <summary>A UInt8 or Bool column: 1 for true, 0 for false.</summary>
    public LatestRowTable<TState> Flag(string name, Func<ProjectedState<TState>, bool> value) =>
        Add(name, "UInt8", (row, writer) => writer.WriteByte(value(row) ? (byte)1 : (byte)0));

    /// <summary>A Nullable(UInt8) or Nullable(Bool) column.</summary>
    public LatestRowTable<TState> NullableFlag(string name, Func<ProjectedState<TState>, bool?> value) =>
        Add(name, "Nullable(UInt8)", (row, writer) =>
        {
            var flag = value(row);
            if (!writer.WriteIsNull(flag is null)) writer.WriteByte(flag!.Value ? (byte)1 : (byte)0);
        });

    /// <summary>A Bool column.</summary>
    public LatestRowTable<TState> Bool(string name, Func<ProjectedState<TState>, bool> value) =>
        Add(name, "Bool", (row, writer) => writer.WriteByte(value(row) ? (byte)1 : (byte)0));

    /// <summary>A Nullable(Bool) column.</summary>
    public LatestRowTable<TState> NullableBool(string name, Func<ProjectedState<TState>, bool?> value) =>
        Add(name, "Nullable(Bool)", (row, writer) =>
        {
            var flag = value(row);
            if (!writer.WriteIsNull(flag is null)) writer.WriteByte(flag!.Value ? (byte)1 : (byte)0);
        });

    /// <summary>An Array(String) column.</summary>
    public LatestRowTable<TState> StringArray(string name, Func<ProjectedState<TState>, IReadOnlyList<string>> value) =>
        Add(name, "Array(String)", (row, writer) =>
        {
            var elements = value(row);
            writer.WriteVarUInt((ulong)elements.Count);
            foreach (var element in elements) writer.WriteString(element);
        });

    /// <summary>A Map(String, String) column. The pairs are stored in the order given; their keys must differ.</summary>
    public LatestRowTable<TState> StringMap(string name, Func<ProjectedState<TState>, IReadOnlyList<KeyValuePair<string, string>>> value) =>
        Add(name, "Map(String, String)", (row, writer) =>
        {
            var pairs = value(row);
            writer.WriteVarUInt((ulong)pairs.Count);
            foreach (var (key, text) in pairs)
            {
                writer.WriteString(key);
                writer.WriteString(text);
            }
        });

    /// <summary>A UInt32 column.</summary>
    public LatestRowTable<TState> UInt32(string name, Func<ProjectedState<TState>, uint> value) =>
        Add(name, "UInt32", (row, writer) => writer.WriteUInt32(value(row)));

    /// <summary>A Nullable(UInt32) column.</summary>
    public LatestRowTable<TState> NullableUInt32(string name, Func<ProjectedState<TState>, uint?> value) =>
        Add(name, "Nullable(UInt32)", (row, writer) =>
        {
            var number = value(row);
            if (!writer.WriteIsNull(number is null)) writer.WriteUInt32(number!.Value);
        });

    /// <summary>A Nullable(UInt64) column.</summary>
    public LatestRowTable<TState> NullableUInt64(string name, Func<ProjectedState<TState>, ulong?> value) =>
        Add(name, "Nullable(UInt64)", (row, writer) =>
        {
            var number = value(row);
            if (!writer.WriteIsNull(number is null)) writer.WriteUInt64(number!.Value);
        });

    /// <summary>An Int64 column.</summary>
    public LatestRowTable<TState> Int64(string name, Func<ProjectedState<TState>, long> value) =>
        Add(name, "Int64", (row, writer) => writer.WriteInt64(value(row)));

    /// <summary>A Float64 column.</summary>
    public LatestRowTable<TState> Float64(string name, Func<ProjectedState<TState>, double> value) =>
        Add(name, "Float64", (row, writer) => writer.WriteFloat64(value(row)));

    /// <summary>A Nullable(Float64) column. A number that is not finite is stored as null, as JSON has no word for it.</summary>
    public LatestRowTable<TState> NullableFloat64(string name, Func<ProjectedState<TState>, double?> value) =>
        Add(name, "Nullable(Float64)", (row, writer) =>
        {
            var number = value(row);
            if (!writer.WriteIsNull(number is not { } finite || !double.IsFinite(finite))) writer.WriteFloat64(number!.Value);
        });

    /// <summary>A DateTime64(3) column, from ms since 1970 UTC. A time before 1900 or after 2299 fails the batch.</summary>
    public LatestRowTable<TState> DateTime64(string name, Func<ProjectedState<TState>, long> value) =>
        Add(name, "DateTime64(3)", (row, writer) => writer.WriteInt64(StorableValue.DateTime64(row.Aggregate, name, value(row))));

    /// <summary>
    /// A Nullable(DateTime64(3)) column, from ms since 1970 UTC. A time before 1900 or after 2299 fails the batch.
    /// </summary>
    public LatestRowTable<TState> NullableDateTime64(string name, Func<ProjectedState<TState>, long?> value) =>
        Add(name, "Nullable(DateTime64(3))", (row, writer) =>
        {
            var milliseconds = value(row);
            if (writer.WriteIsNull(milliseconds is null)) return;
            writer.WriteInt64(StorableValue.DateTime64(row.Aggregate, name, milliseconds!.Value));
        });

    private LatestRowTable<TState> Add(string name, string type, Action<ProjectedState<TState>, RowBinaryWriter> write)
    {
        _columns.Add(new Column(name, type, write));
        return this;
    }

    /// <summary>Gives a text of a row as UTF-8.</summary>
    internal delegate ReadOnlySpan<byte> Utf8Text(in ProjectedState<TState> row);

    /// <summary>One column: its name, the type its values are sent as, and how a state becomes such a value.</summary>
    /// <param name="Name">The column's name.</param>
    /// <param name="Type">The ClickHouse type that the value is written as; the server converts it to the column's own.</param>
    /// <param name="Write">Writes the value of one state.</param>
    public sealed record Column(string Name, string Type, Action<ProjectedState<TState>, RowBinaryWriter> Write);

    /// <summary>A warning about stored states.</summary>
    /// <param name="When">Whether a state calls for it.</param>
    /// <param name="Message">The warning; the same text each time, so that it is shown once a run.</param>
    public sealed record Caution(Func<TState, bool> When, string Message);
}

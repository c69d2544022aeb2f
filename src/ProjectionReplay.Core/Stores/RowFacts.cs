using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;

namespace ProjectionReplay.Stores;

/// <summary>
/// What rows that are about to be stored are called, and single facts of them: numbers, and whether there is a value at all. The same
/// facts of stored rows are asked for in SQL. Immutable.
/// </summary>
/// <param name="table">The table that they go to.</param>
/// <param name="key">Which of its columns tell rows apart; all of them texts.</param>
internal sealed class RowFacts<TState>(LatestRowTable<TState> table, int[] key)
    where TState : class
{
    /// <summary>What any value is that a nullable column may have.</summary>
    private const long Any = 1;

    private readonly RowBinaryValue[] _values = [.. table.Columns.Select(column => RowBinaryValue.Find(column.Type)!)];
    private readonly int[] _key = key;

    /// <summary>What tells a row from others.</summary>
    public string Identify(ReadOnlySpan<byte> row)
    {
        var ends = new int[_values.Length];
        Measure(row, ends);
        return Identify(KeyOf(row, ends));
    }

    /// <summary>What tells a row from others, by the texts of its key.</summary>
    public static string Identify(IEnumerable<string> texts)
    {
        var identity = new StringBuilder();
        foreach (var part in texts) identity.Append(part.Length).Append(':').Append(part);
        return identity.ToString();
    }

    /// <summary>Reads rows that are about to be stored.</summary>
    /// <param name="buffers">The rows.</param>
    /// <param name="facts">The columns whose facts are wanted.</param>
    public List<NewRow> Read(IReadOnlyList<RowBuffer<TState>> buffers, int[] facts)
    {
        var (rows, ends) = (new List<NewRow>(), new int[_values.Length]);
        foreach (var placed in buffers.SelectMany(buffer => buffer.Weeks.Values))
        {
            placed.Visit((owner, row) =>
            {
                Measure(row, ends);
                var texts = KeyOf(row, ends);
                var found = new long[facts.Length];
                for (var i = 0; i < facts.Length; i++) found[i] = Fact(facts[i], row[Start(ends, facts[i])..ends[facts[i]]]);
                rows.Add(new NewRow(owner, texts, Identify(texts), found));
            });
        }

        return rows;
    }

    /// <summary>The least and the greatest text of each column of the key, UTF-8, among rows that are about to be stored.</summary>
    /// <returns>Null when there is no row, or one lacks a part of its key.</returns>
    public IReadOnlyList<(byte[] Least, byte[] Greatest)>? FindRange(IReadOnlyList<RowBuffer<TState>> buffers)
    {
        var (ends, isWhole, any) = (new int[_values.Length], true, false);
        var (least, greatest) = (Fresh(), Fresh());
        foreach (var placed in buffers.SelectMany(buffer => buffer.Weeks.Values))
        {
            placed.Visit((_, row) =>
            {
                Measure(row, ends);
                for (var i = 0; i < _key.Length; i++)
                {
                    var cursor = new RowBinaryCursor(row[Start(ends, _key[i])..]);
                    cursor.TryReadString(out var text);
                    isWhole &= text.Length > 0;
                    if (!any || text.SequenceCompareTo(least[i].Span) < 0) least[i].Set(text);
                    if (!any || text.SequenceCompareTo(greatest[i].Span) > 0) greatest[i].Set(text);
                }

                any = true;
            });
        }

        return any && isWhole ? [.. least.Zip(greatest, (first, last) => (first.Span.ToArray(), last.Span.ToArray()))] : null;

        GrowingBytes[] Fresh() => [.. _key.Select(_ => new GrowingBytes())];
    }

    /// <summary>Finds where each value of a row ends.</summary>
    private void Measure(ReadOnlySpan<byte> row, int[] ends)
    {
        var cursor = new RowBinaryCursor(row);
        for (var i = 0; i < ends.Length; i++)
        {
            if (!_values[i].TrySkip(ref cursor)) throw new InvalidDataException("A row is not what its columns say.");
            ends[i] = cursor.Position;
        }
    }

    private string[] KeyOf(ReadOnlySpan<byte> row, int[] ends)
    {
        var texts = new string[_key.Length];
        for (var i = 0; i < texts.Length; i++) texts[i] = (string)_values[_key[i]].Read(row[Start(ends, _key[i])..ends[_key[i]]])!;
        return texts;
    }

    private static int Start(int[] ends, int column) => column == 0 ? 0 : ends[column - 1];

    /// <summary>Whether the values of a column are numbers, which can be compared.</summary>
    public bool IsNumber(int column) => table.Columns[column].Type is "DateTime64(3)" or "Int64" or "UInt32";

    /// <summary>A number; of a nullable column only whether it has a value.</summary>
    private long Fact(int column, ReadOnlySpan<byte> value) => table.Columns[column].Type switch
    {
        "UInt32" => BitConverter.ToUInt32(value),
        "DateTime64(3)" or "Int64" => BitConverter.ToInt64(value),
        _ => value[0] != 0 ? HistoryColumn.Null : Any,
    };

    /// <summary>The fact of a column, as SQL.</summary>
    public string Expression(int column) => table.Columns[column] switch
    {
        { Type: "DateTime64(3)", Name: var name } => Milliseconds(name),
        { Type: "Int64" or "UInt32", Name: var name } => ClickHouseDatabase.Quote(name),
        { Name: var name } => $"if(isNull({ClickHouseDatabase.Quote(name)}), {HistoryColumn.Null}, {Any})",
    };

    /// <summary>A time in ms since 1970 UTC, as SQL.</summary>
    public static string Milliseconds(string column) => $"toUnixTimestamp64Milli(toDateTime64({ClickHouseDatabase.Quote(column)}, 3))";
}

/// <summary>A row that is about to be stored.</summary>
/// <param name="Owner">Whose it is.</param>
/// <param name="Key">The texts of its key.</param>
/// <param name="Identity">What tells it from others.</param>
/// <param name="Facts">What is asked of it.</param>
internal sealed record NewRow(RowOwner Owner, string[] Key, string Identity, long[] Facts);

using System.Globalization;
using ProjectionReplay.ClickHouse;

namespace ProjectionReplay.Comparison;

/// <summary>
/// Has the server say what becomes of values in columns whose type is not the one that a replay sends: a Decimal of few
/// places, a coarser time, a Float32. Both sides are compared as the server writes them. Safe for concurrent use.
/// </summary>
internal sealed class RowConversion(ClickHouseDatabase database, ComparedTable table)
{
    /// <summary>What one query carries, in hexadecimal, as its parameter.</summary>
    private const int MostBytes = 24 * 1024;

    private readonly int[] _columns = [.. Enumerable.Range(0, table.Columns.Count).Where(column => table.Columns[column].Value is null)];

    /// <summary>Whether there are such columns.</summary>
    public bool IsNeeded => _columns.Length > 0;

    /// <summary>Those columns of a stored row, which were read as text.</summary>
    public string?[] Texts(ReadOnlySpan<byte> row, ReadOnlySpan<int> ends)
    {
        var texts = new string?[_columns.Length];
        for (var i = 0; i < texts.Length; i++) texts[i] = (string?)ComparedColumn.Text.Read(ComparedTable.Slice(row, ends, _columns[i]));
        return texts;
    }

    /// <summary>The differences between two rows of texts.</summary>
    public IEnumerable<FieldDifference> Compare(string?[] expected, string?[] stored)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            if (expected[i] != stored[i]) yield return new FieldDifference(_columns[i], expected[i], stored[i]);
        }
    }

    /// <summary>Those columns of expected rows, as the table would hold them, in the order of the rows.</summary>
    public async Task<IReadOnlyList<string?[]>> ConvertAsync(IReadOnlyList<ExpectedRow> rows, CancellationToken cancellationToken)
    {
        var converted = new string?[rows.Count][];
        for (var start = 0; start < rows.Count;)
        {
            using var data = new MemoryStream();
            var end = start;
            do Write(data, (uint)end, rows[end]);
            while (++end < rows.Count && data.Length < MostBytes);
            await ConvertAsync(data.ToArray(), converted, cancellationToken).ConfigureAwait(false);
            start = end;
        }

        if (converted.Contains(null))
        {
            throw AnswerIncompleteException.EndsEarly("it has too few converted rows");
        }

        return converted;
    }

    private void Write(MemoryStream data, uint number, ExpectedRow row)
    {
        data.Write(BitConverter.GetBytes(number));
        foreach (var column in _columns) data.Write(row[column]);
    }

    private async Task ConvertAsync(byte[] data, string?[][] converted, CancellationToken cancellationToken)
    {
        var columns = _columns.Select(column => string.Create(
            CultureInfo.InvariantCulture, $"c{column} {table.Columns[column].WrittenType}"));
        var structure = string.Join(", ", columns.Prepend("number UInt32"));
        var texts = _columns.Select(column => string.Create(
            CultureInfo.InvariantCulture,
            $"toNullable(toString(CAST(c{column}, {ClickHouseDatabase.Literal(table.Columns[column].StoredType)})))"));
        var sql = $$"""
            SELECT number, {{string.Join(", ", texts)}}
            FROM format(RowBinary, {{ClickHouseDatabase.Literal(structure)}}, unhex({data:String}))
            """;

        var reader = await database.QueryAsync(
            sql, [new("data", "String", Convert.ToHexString(data))], null, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                while (TryRead(reader, converted))
                {
                }
            }
        }
    }

    private bool TryRead(RowBinaryReader rows, string?[][] converted)
    {
        var cursor = new RowBinaryCursor(rows.Buffered);
        if (!cursor.TryRead(sizeof(uint), out var number)) return false;
        var ends = new int[_columns.Length];
        var start = cursor.Position;
        for (var i = 0; i < ends.Length; i++)
        {
            if (!ComparedColumn.Text.TrySkip(ref cursor)) return false;
            ends[i] = cursor.Position - start;
        }

        var texts = new string?[_columns.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = (string?)ComparedColumn.Text.Read(ComparedTable.Slice(rows.Buffered[start..], ends, i));
        }

        converted[BitConverter.ToUInt32(number)] = texts;
        rows.Advance(cursor.Position);
        return true;
    }
}

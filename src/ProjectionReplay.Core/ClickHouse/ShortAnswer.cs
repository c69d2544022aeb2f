using System.Buffers.Binary;
using System.Text;

namespace ProjectionReplay.ClickHouse;

/// <summary>Answers that are short, asked for and read such that whatever cuts one off is noticed.</summary>
internal static class ShortAnswer
{
    /// <summary>All rows as one, so that whatever cuts an answer off leaves all of them or none.</summary>
    public static ClickHouseQuery Texts(string sql, IReadOnlyList<ClickHouseParameter> parameters) =>
        new($"SELECT groupArray(array(*)) FROM (\n{sql}\n)", parameters) { IsShort = true };

    /// <summary>Reads what <see cref="Texts"/> asks for, and disposes the reader.</summary>
    /// <exception cref="AnswerIncompleteException">The answer is not whole.</exception>
    public static async Task<IReadOnlyList<string[]>> ReadTextsAsync(
        RowBinaryReader reader, int columns, CancellationToken cancellationToken)
    {
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                if (!TryReadRows(reader, columns, out var rows)) continue;
                await reader.EndAsync(cancellationToken).ConfigureAwait(false);
                return rows;
            }
        }

        throw new AnswerIncompleteException("ClickHouse answered with nothing.");
    }

    /// <summary>Reads one row of UInt64 columns, and disposes the reader.</summary>
    /// <exception cref="AnswerIncompleteException">The answer is not exactly that.</exception>
    public static async Task<ulong[]> ReadNumbersAsync(RowBinaryReader reader, int columns, CancellationToken cancellationToken)
    {
        var numbers = new ulong[columns];
        await using (reader.ConfigureAwait(false))
        {
            while (reader.Buffered.Length < columns * sizeof(ulong))
            {
                if (!await reader.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    throw new AnswerIncompleteException("ClickHouse answered a count with nothing.");
                }
            }

            for (var i = 0; i < columns; i++)
            {
                numbers[i] = BinaryPrimitives.ReadUInt64LittleEndian(reader.Buffered[(i * sizeof(ulong))..]);
            }

            reader.Advance(columns * sizeof(ulong));
            await reader.EndAsync(cancellationToken).ConfigureAwait(false);
        }

        return numbers;
    }

    private static bool TryReadRows(RowBinaryReader reader, int columns, out List<string[]> rows)
    {
        rows = [];
        var cursor = new RowBinaryCursor(reader.Buffered);
        if (!cursor.TryReadVarUInt(out var count)) return false;
        for (; count > 0; count--)
        {
            if (!cursor.TryReadVarUInt(out var length)) return false;
            if (length != (ulong)columns) throw new AnswerIncompleteException("ClickHouse broke off its answer.");
            var row = new string[columns];
            for (var column = 0; column < columns; column++)
            {
                if (!cursor.TryReadString(out var text)) return false;
                row[column] = Encoding.UTF8.GetString(text);
            }

            rows.Add(row);
        }

        reader.Advance(cursor.Position);
        return true;
    }
}

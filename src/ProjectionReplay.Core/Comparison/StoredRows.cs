using System.Globalization;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Comparison;

/// <summary>Told of a stored row.</summary>
/// <param name="row">Its values; only for the duration of the call.</param>
/// <param name="ends">Where each value ends.</param>
internal delegate void StoredRowVisitor(ReadOnlySpan<byte> row, ReadOnlySpan<int> ends);

/// <summary>
/// The stored rows of a ReplacingMergeTree, the latest of each key: what FINAL gives, whether or not the server has merged
/// them yet, and across partitions, as rows of one key may lie in several weeks. Safe for concurrent use.
/// </summary>
internal sealed class StoredRows(ClickHouseDatabase database, ComparedTable table)
{
    /// <summary>
    /// The last column of each row that is read: an error's words, taken for a row or the rest of one, have no such bytes.
    /// </summary>
    private const ulong RowEnd = 0x0102_03FF_FE04_0506;

    private readonly RowConversion _conversion = new(database, table);
    private readonly int[] _all = [.. Enumerable.Range(0, table.Columns.Count)];

    public ComparedTable Table => table;

    /// <summary>What calls are made again with.</summary>
    public Retries Retries => database.Retries;

    /// <summary>Compares rows with those stored. Of rows with one key the last counts, as it would in the table.</summary>
    /// <param name="rows">The rows that a replay would store.</param>
    /// <param name="concurrency">Queries at once.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>Those that differ, in their order.</returns>
    public async Task<IReadOnlyList<RowDifference>> FindDifferencesAsync(
        IReadOnlyList<ExpectedRow> rows, int concurrency, CancellationToken cancellationToken)
    {
        var last = new Dictionary<string, ExpectedRow>(rows.Count, StringComparer.Ordinal);
        foreach (var row in rows) last[row.Identity] = row;
        var groups = QueryGroups.Cut(rows.Where(row => ReferenceEquals(last[row.Identity], row)), row => row.Identity.Length).ToList();
        var found = new List<RowDifference>[groups.Count];
        await Parallel.ForAsync(
            0,
            groups.Count,
            new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellationToken },
            async (index, token) => found[index] = await database.Retries.CallAsync(
                $"Reading {table.Name}",
                retry => CompareAsync(groups[index], retry),
                token).ConfigureAwait(false)).ConfigureAwait(false);
        return [.. found.SelectMany(group => group)];
    }

    /// <summary>
    /// Visits the stored rows of a tenant, with nothing but the columns of their keys, in no order, and pauses for the
    /// caller's own work now and then.
    /// </summary>
    public Task VisitKeysAsync(
        string tenantId, StoredRowVisitor visit, Func<CancellationToken, Task> pause, CancellationToken cancellationToken) =>
        ReadAsync(
            table.Key,
            $"{table.Columns[table.TenantKey!.Value].Quoted} = {{tenantId:String}}",
            [new("tenantId", "String", tenantId)],
            visit,
            pause,
            cancellationToken);

    private async Task<List<RowDifference>> CompareAsync(IReadOnlyList<ExpectedRow> group, CancellationToken cancellationToken)
    {
        var byIdentity = group.ToDictionary(row => row.Identity, StringComparer.Ordinal);
        var fields = new Dictionary<ExpectedRow, List<FieldDifference>>(ReferenceEqualityComparer.Instance);
        var texts = new List<(ExpectedRow Row, string?[] Stored)>();
        var (where, parameters) = Name(group);
        await ReadAsync(
            _all,
            where,
            parameters,
            (row, ends) =>
            {
                // More are read than are wanted where a key has several columns.
                if (!byIdentity.TryGetValue(table.Identify(row, ends, _all), out var expected)) return;
                fields[expected] = Compare(expected, row, ends);
                if (_conversion.IsNeeded) texts.Add((expected, _conversion.Texts(row, ends)));
            },
            _ => Task.CompletedTask,
            cancellationToken).ConfigureAwait(false);
        var converted = _conversion.IsNeeded
            ? await _conversion.ConvertAsync([.. texts.Select(text => text.Row)], cancellationToken).ConfigureAwait(false)
            : [];
        for (var i = 0; i < converted.Count; i++) fields[texts[i].Row].AddRange(_conversion.Compare(converted[i], texts[i].Stored));

        var differences = new List<RowDifference>();
        foreach (var row in group)
        {
            if (!fields.TryGetValue(row, out var different)) differences.Add(new RowDifference(row, null));
            else if (different.Count > 0) differences.Add(new RowDifference(row, [.. different.OrderBy(field => field.Column)]));
        }

        return differences;
    }

    private List<FieldDifference> Compare(ExpectedRow expected, ReadOnlySpan<byte> row, ReadOnlySpan<int> ends)
    {
        var different = new List<FieldDifference>();
        for (var i = 0; i < table.Columns.Count; i++)
        {
            if (table.Columns[i].Value is not { } value) continue;
            var stored = ComparedTable.Slice(row, ends, i);
            if (!value.AreSame(expected[i], stored)) different.Add(new FieldDifference(i, value.Read(expected[i]), value.Read(stored)));
        }

        return different;
    }

    /// <summary>
    /// Names rows by the text columns of their keys, each by itself: the server finds them in its primary index. The
    /// columns of a key with several may meet in rows that nobody asked for.
    /// </summary>
    private (string Where, IReadOnlyList<ClickHouseParameter> Parameters) Name(IReadOnlyList<ExpectedRow> group)
    {
        var (conditions, parameters) = (new List<string>(), new List<ClickHouseParameter>());
        foreach (var column in table.Key.Where(column => table.Columns[column].WrittenType == "String"))
        {
            var parameter = string.Create(CultureInfo.InvariantCulture, $"key{column}");
            conditions.Add($"{table.Columns[column].Quoted} IN {{{parameter}:Array(String)}}");
            var values = group.Select(row => (string)table.Columns[column].Read.Read(row[column])!).Distinct(StringComparer.Ordinal);
            parameters.Add(new ClickHouseParameter(parameter, "Array(String)", values.ToArray()));
        }

        return (string.Join(" AND ", conditions), parameters);
    }

    private async Task ReadAsync(
        IReadOnlyList<int> columns,
        string where,
        IReadOnlyList<ClickHouseParameter> parameters,
        StoredRowVisitor visit,
        Func<CancellationToken, Task> pause,
        CancellationToken cancellationToken)
    {
        var sql = $"""
            SELECT {string.Join(", ", columns.Select(column => table.Columns[column].Expression))}, toUInt64({RowEnd})
            FROM {ClickHouseDatabase.Quote(table.Name)} FINAL
            WHERE {where}
            """;

        var values = columns.Select(column => table.Columns[column].Read).ToArray();
        ulong count = 0;

        // Rows come in no order, so that any of them could be missing of an answer that ended early. They are counted before:
        // live handlers may add some while they are read, and none goes.
        var counted = await database.QueryNumbersAsync(
            new ClickHouseQuery($"SELECT count() FROM {ClickHouseDatabase.Quote(table.Name)} FINAL WHERE {where}", parameters),
            columns: 1,
            cancellationToken).ConfigureAwait(false);
        var query = new ClickHouseQuery(sql, parameters) { Hints = "output_format_parallel_formatting = 0" };
        var reader = await database.QueryAsync(query, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                ReadAll(reader);
                await pause(cancellationToken).ConfigureAwait(false);
            }
        }

        if (count < counted[0])
        {
            throw AnswerIncompleteException.EndsEarly(
                string.Create(CultureInfo.InvariantCulture, $"it has {count:N0} rows, and {counted[0]:N0} were counted before"));
        }

        void ReadAll(RowBinaryReader rows)
        {
            Span<int> ends = stackalloc int[values.Length];
            while (TryRead(rows, values, ends, out var length))
            {
                count++;
                visit(rows.Buffered[..ends[^1]], ends);
                rows.Advance(length);
            }
        }
    }

    private static bool TryRead(RowBinaryReader rows, RowBinaryValue[] values, Span<int> ends, out int length)
    {
        length = 0;
        var cursor = new RowBinaryCursor(rows.Buffered);
        for (var i = 0; i < values.Length; i++)
        {
            if (!values[i].TrySkip(ref cursor)) return false;
            ends[i] = cursor.Position;
        }

        if (!cursor.TryReadUInt64(out var end)) return false;
        if (end != RowEnd) throw new AnswerIncompleteException("ClickHouse broke off its answer.");
        length = cursor.Position;
        return true;
    }
}
